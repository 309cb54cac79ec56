// What the subcommands do, once their command line is parsed: the half of the program that needs
// LibTorch. The names are looked up by run_job.
#include <malloc.h>
#include <signal.h>

#include <atomic>
#include <climits>
#include <iostream>
#include <set>

#include <opencv2/core/utility.hpp>
#include <opencv2/core/version.hpp>
#include "lanner/datasets/check.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/evaluation.h"
#include "lanner/datasets/synthetic.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/detect.h"
#include "lanner/detectors/evaluate.h"
#include "lanner/detectors/pretraining/pretrain.h"
#include "lanner/detectors/training/train.h"
#include "lanner/ops/cuda.h"
#include "tools/bench_detectors.h"
#include "tools/bench_ops.h"
#include "tools/eval_options.h"
#include "tools/list_models.h"

namespace lanner::tools {
namespace {

std::atomic<int> received{0};

// The first signal asks long work to save and stop; the second ends it at once.
void on_signal(int signal) {
  if (received.exchange(signal)) _exit(128 + signal);
}

bool stopping() { return received != 0; }

// Freed tensors stay with the process: by default glibc gives large ones back to the kernel, and
// every step pays for their pages again.
void keep_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 25);  // the most it takes
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

// The jobs that look at stopping() hear signals; the others end by them.
void hear_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// Runs a job; errors become messages and exit codes here, so that nothing of them
// has to cross the library's border.
template <typename Job>
int run(Job job) {
  keep_memory();
  cv::setNumThreads(1);  // images are decoded by threads of the loader's
  try {
    const int code = job();
    if (!stopping()) return code;
    std::cerr << "stopped by signal " << received << "\n";
    return 128 + received;
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code);
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "error: " << error.path1().string() << ": " << error.code().message() << "\n";
    return static_cast<int>(ExitCode::io);
  } catch (const c10::Error& error) {
    std::cerr << "internal error: " << error.what_without_backtrace() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << error.what() << "\n";
  }
  return static_cast<int>(ExitCode::internal);
}

std::vector<datasets::CocoDetection> detect_all(const EvalOptions& options,
                                                datasets::CocoFile& truth) {
  const auto device = detectors::device_from_name(options.device);
  auto detector = detectors::load_detector(options.weights);
  detectors::place(*detector, device);
  const auto dataset =
      datasets::open_dataset(options.data, options.image_root, &detector->options.categories);
  truth = datasets::to_coco(dataset);
  const detectors::Autocast autocast(options.amp, device.type());
  detectors::ProgressLine line("eval");
  return detectors::detect_dataset(
      detector, dataset, options.batch_size, options.workers,
      [&](double fraction) { line.show(fraction, "", fraction >= 1); }, stopping);
}

template <typename Metrics>
void print(const Metrics& metrics, const std::filesystem::path& json) {
  std::cout << datasets::to_text(metrics);
  if (!json.empty()) datasets::write_file(json, datasets::to_json(metrics));
}

int evaluate(const EvalOptions& options) {
  datasets::CocoFile truth;
  std::vector<datasets::CocoDetection> detections;
  if (options.weights.empty()) {
    datasets::Faults faults;
    truth = datasets::read_coco(options.annotations, faults);
    if (!faults.empty()) throw bad_data(faults[0].text());
    detections = datasets::read_detections(options.detections);
  } else {
    hear_signals();
    detections = detect_all(options, truth);
    if (stopping()) return 0;
  }
  if (options.metric == "coco")
    print(datasets::evaluate_coco(truth, detections), options.metrics_json);
  else
    print(datasets::evaluate_voc(truth, detections, options.metric == "voc07"),
          options.metrics_json);
  return 0;
}

int check(const datasets::CheckOptions& options) {
  const auto report = datasets::check_data(options);
  std::cout << datasets::to_text(report);
  if (!options.show.empty()) std::cout << (options.show / "contact_sheet.png").string() << "\n";
  return report.usable() ? 0 : static_cast<int>(ExitCode::bad_data);
}

int diagnose() {
  std::cout << "LibTorch        " << TORCH_VERSION << ", " << at::get_num_threads() << " threads, "
            << at::get_cpu_capability() << "\n";
  std::cout << "OpenCV          " << CV_VERSION << "\n";
  const bool cuda = ops::has_cuda();
  std::cout << "CUDA operators  " << (cuda ? "built" : "not built") << "\n";
  if (cuda) {
    ops::load_cuda();
    std::cout << "CUDA devices    " << static_cast<int>(torch::cuda::device_count()) << "\n";
  }
  // Operators that are compositions of torch's own have no kernels of their own.
  std::set<std::string> names;
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames())
    if (name.name.starts_with("lanner::")) names.insert(name.name);
  for (const auto& name : names) {
    std::cout << name << "  ";
    const auto op = c10::Dispatcher::singleton().findOp({name, ""});
    for (const auto& [label, key] :
         {std::pair{"CPU", c10::DispatchKey::CPU}, std::pair{"CUDA", c10::DispatchKey::CUDA},
          std::pair{"Autograd", c10::DispatchKey::Autograd},
          std::pair{"Meta", c10::DispatchKey::Meta},
          std::pair{"composition", c10::DispatchKey::CompositeImplicitAutograd}})
      if (op && op->hasKernelForDispatchKey(key)) std::cout << label << " ";
    std::cout << "\n";
  }
  return names.empty() ? static_cast<int>(ExitCode::internal) : 0;
}

template <typename Options>
const Options& as(const void* options) {
  return *static_cast<const Options*>(options);
}

}  // namespace
}  // namespace lanner::tools

using namespace lanner;

extern "C" {

int lanner_synth(const void* options) {
  return tools::run([&] {
    datasets::write_synthetic(tools::as<datasets::SyntheticOptions>(options));
    return 0;
  });
}
int lanner_check_data(const void* options) {
  return tools::run([&] { return tools::check(tools::as<datasets::CheckOptions>(options)); });
}
int lanner_pretrain(const void* options) {
  return tools::run([&] {
    tools::hear_signals();
    detectors::pretrain(tools::as<detectors::PretrainOptions>(options), tools::stopping);
    return 0;
  });
}
int lanner_train(const void* options) {
  return tools::run([&] {
    tools::hear_signals();
    detectors::train(tools::as<detectors::TrainOptions>(options), tools::stopping);
    return 0;
  });
}
int lanner_eval(const void* options) {
  return tools::run([&] { return tools::evaluate(tools::as<tools::EvalOptions>(options)); });
}
int lanner_detect(const void* options) {
  return tools::run([&] {
    tools::hear_signals();
    detectors::detect(tools::as<detectors::DetectOptions>(options), tools::stopping);
    return 0;
  });
}
int lanner_bench_ops(const void* options) {
  return tools::run([&] { return tools::bench_ops(tools::as<tools::BenchOptions>(options)); });
}
int lanner_models(const void* options) {
  return tools::run([&] { return tools::list_models(tools::as<tools::ModelsOptions>(options)); });
}
int lanner_bench_detect(const void* options) {
  return tools::run([&] { return tools::bench_detect(tools::as<tools::BenchOptions>(options)); });
}
int lanner_bench_train(const void* options) {
  return tools::run([&] { return tools::bench_train(tools::as<tools::BenchOptions>(options)); });
}
int lanner_bench_rois(const void* options) {
  return tools::run([&] { return tools::bench_rois(tools::as<tools::BenchOptions>(options)); });
}
int lanner_doctor(const void*) { return tools::run(tools::diagnose); }

}  // extern "C"
