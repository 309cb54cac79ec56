// What the subcommands do, once their command line is parsed: the half of the program that needs
// LibTorch. The names are looked up by run_job.
#include <malloc.h>
#include <signal.h>

#include <climits>
#include <iostream>
#include <set>

#include <opencv2/core/utility.hpp>
#include <opencv2/core/version.hpp>
#include "lanner/datasets/evaluation_html.h"
#include "lanner/datasets/html.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/detect.h"
#include "lanner/detectors/evaluate.h"
#include "lanner/detectors/pretraining/pretrain.h"
#include "lanner/detectors/training/autocast.h"
#include "lanner/detectors/training/train.h"
#include "lanner/ops/cuda.h"
#include "tools/bench_detectors.h"
#include "tools/bench_eval.h"
#include "tools/bench_loader.h"
#include "tools/bench_ops.h"
#include "tools/bench_pretrain.h"
#include "tools/evaluate.h"
#include "tools/job.h"
#include "tools/list_models.h"
#include "tools/probe_weights.h"

namespace lanner::tools {
namespace {

void on_signal(int signal) {
  if (received.exchange(signal)) _exit(128 + signal);
}

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

// As run(), for what works with LibTorch.
template <typename Job>
int run_torch(Job job) {
  keep_memory();
  cv::setNumThreads(1);  // images are decoded by threads of the loader's
  return run([&] {
    try {
      return job();
    } catch (const c10::Error& error) {
      throw std::runtime_error(error.what_without_backtrace());
    }
  });
}

int evaluate_model(const EvalOptions& options) {
  hear_signals();
  const auto device = detectors::device_from_name(options.device);
  auto detector = detectors::load_detector(options.weights, options.thresholds);
  detectors::place(*detector, device);
  const auto dataset =
      datasets::open_dataset(options.data, options.image_root, &detector->options.categories);
  const detectors::Autocast autocast(detectors::bfloat16_wanted(options.amp, device.type()),
                                     device.type());
  detectors::ProgressLine line("eval");
  const auto detections = detectors::detect_dataset(
      detector, dataset, options.batch_size, options.workers,
      [&](double fraction) { line.show(fraction, "", fraction >= 1); }, stopping);
  if (stopping()) return 0;
  evaluate(options, datasets::to_coco(dataset), detections);
  if (!options.report.empty())
    datasets::write_file(
        options.report,
        datasets::html_page("lanner eval " + options.data,
                            datasets::evaluation_html(dataset, detections, options.iou)));
  return 0;
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

}  // namespace
}  // namespace lanner::tools

using namespace lanner;

extern "C" {

int lanner_probe(const void* options) {
  return tools::run_torch(
      [&] { return tools::probe_weights(tools::as<detectors::ProbeOptions>(options)); });
}
int lanner_pretrain(const void* options) {
  return tools::run_torch([&] {
    tools::hear_signals();
    detectors::pretrain(tools::as<detectors::PretrainOptions>(options), tools::stopping);
    return 0;
  });
}
int lanner_train(const void* options) {
  return tools::run_torch([&] {
    tools::hear_signals();
    detectors::train(tools::as<detectors::TrainOptions>(options), tools::stopping);
    return 0;
  });
}
int lanner_eval(const void* options) {
  return tools::run_torch(
      [&] { return tools::evaluate_model(tools::as<tools::EvalOptions>(options)); });
}
int lanner_detect(const void* options) {
  return tools::run_torch([&] {
    tools::hear_signals();
    detectors::detect(tools::as<detectors::DetectOptions>(options), tools::stopping);
    return 0;
  });
}
int lanner_bench_ops(const void* options) {
  return tools::run_torch(
      [&] { return tools::bench_ops(tools::as<tools::BenchOptions>(options)); });
}
int lanner_bench_eval(const void* options) {
  return tools::run_torch(
      [&] { return tools::bench_eval(tools::as<tools::BenchOptions>(options)); });
}
int lanner_bench_loader(const void* options) {
  return tools::run_torch(
      [&] { return tools::bench_loader(tools::as<tools::BenchOptions>(options)); });
}
int lanner_models(const void* options) {
  return tools::run_torch(
      [&] { return tools::list_models(tools::as<tools::ModelsOptions>(options)); });
}
int lanner_bench_detect(const void* options) {
  return tools::run_torch(
      [&] { return tools::bench_detect(tools::as<tools::BenchOptions>(options)); });
}
int lanner_bench_train(const void* options) {
  return tools::run_torch(
      [&] { return tools::bench_train(tools::as<tools::BenchOptions>(options)); });
}
int lanner_bench_pretrain(const void* options) {
  return tools::run_torch(
      [&] { return tools::bench_pretrain(tools::as<tools::BenchOptions>(options)); });
}
int lanner_bench_rois(const void* options) {
  return tools::run_torch(
      [&] { return tools::bench_rois(tools::as<tools::BenchOptions>(options)); });
}
int lanner_doctor(const void*) { return tools::run_torch(tools::diagnose); }

}  // extern "C"
