// The library liblanner_tools.so: the work of the subcommands that need LibTorch.
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <map>
#include <opencv2/core/utility.hpp>

#include "lanner/detectors/inference/detect.h"
#include "lanner/detectors/pretraining/pretrain.h"
#include "lanner/detectors/selection/select.h"
#include "lanner/detectors/training/auto_input.h"
#include "lanner/detectors/training/train.h"
#include "lanner/detectors/tuning/tune.h"
#include "lanner/ops/api.h"
#include "lanner/ops/cpu_cache.h"
#include "lanner/ops/signal_stack.h"
#include "tools/bench/bench.h"
#include "tools/jobs.h"
#include "tools/jobs/doctor.h"
#include "tools/jobs/eval.h"
#include "tools/jobs/models.h"
#include "tools/jobs/probe.h"
#include "tools/jobs/quantize.h"
#include "tools/jobs/run_job.h"
#include "tools/serve/serve.h"

namespace lanner::tools {
namespace {

double monotonic_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // may be called in a signal handler
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// A second signal ends the program at once. A parent that dies sends one for each of its threads,
// all at the same moment: these are one.
void on_signal(int signal) {
  static std::atomic<double> first{0};
  const double now = monotonic_seconds();
  double before = 0;
  if (first.compare_exchange_strong(before, now))
    received_signal = signal;
  else if (now - before > 0.3)
    _exit(128 + signal);
}

// Jobs that poll stopping() handle signals; a signal ends the others.
void handle_signals() {
  struct sigaction action {
  }, before{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  ops::use_signal_stack();
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A terminal that closes; nohup ignores it.
  if (sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
    sigaction(SIGHUP, &action, nullptr);
  // A Python process that runs a job does not leave it behind.
  const char* parent = std::getenv("LANNER_PARENT");
  if (!parent) return;
  std::signal(SIGPIPE, SIG_IGN);  // it reads what is printed: when it is gone, saving goes on
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (std::to_string(getppid()) != parent) on_signal(SIGTERM);  // it is gone already
}

// Keeps freed memory in the process. By default glibc returns large blocks to the kernel, and every
// step pays for page faults again.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 25);  // glibc's maximum
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  ops::enable_cpu_cache();
}

template <typename Job>
int run_torch_job(Job job) {
  keep_freed_memory();
  cv::setNumThreads(1);  // the loader's threads already decode in parallel
  return run_job([&] {
    try {
      return job();
    } catch (const c10::Error& error) {
      throw std::runtime_error(error.what_without_backtrace());
    }
  });
}

// A job that saves and stops after SIGINT, SIGTERM or SIGHUP.
template <typename Job>
int run_stoppable_job(Job job) {
  return run_torch_job([&] {
    handle_signals();
    job();
    return 0;
  });
}

int bench(const BenchOptions& options) {
  static const std::map<std::string, int (*)(const BenchOptions&)> benches{
      {"ops", bench_ops},      {"detect", bench_detect}, {"train", bench_train},
      {"rois", bench_rois},    {"eval", bench_eval},     {"pretrain", bench_pretrain},
      {"loader", bench_loader}};
  return benches.at(options.what)(options);
}

}  // namespace
}  // namespace lanner::tools

using namespace lanner;
using namespace lanner::tools;

extern "C" LANNER_API const TorchJobs lanner_torch_jobs{
    .pretrain =
        [](const detectors::PretrainOptions& options) {
          return run_stoppable_job([&] { detectors::pretrain(options, stopping); });
        },
    .probe =
        [](const detectors::ProbeOptions& options) {
          return run_torch_job([&] { return probe_weights(options); });
        },
    .auto_input =
        [](const detectors::TrainOptions& options, detectors::AutoInput& input) {
          return run_torch_job([&] {
            input = detectors::auto_input(options);
            return 0;
          });
        },
    .train =
        [](const detectors::TrainOptions& options) {
          return run_stoppable_job([&] { detectors::train(options, stopping); });
        },
    .tune =
        [](const detectors::TuneOptions& options, const detectors::ConfigWriter& config) {
          return run_stoppable_job([&] { detectors::tune(options, config, stopping); });
        },
    .eval =
        [](const EvalOptions& options) {
          return run_stoppable_job([&] { evaluate_model(options); });
        },
    .detect =
        [](const detectors::DetectOptions& options) {
          return run_stoppable_job([&] { detectors::detect(options, stopping); });
        },
    .serve =
        [](const ServeOptions& options) {
          return run_stoppable_job([&] { serve(options, stopping); });
        },
    .models =
        [](const ModelsOptions& options) {
          return run_torch_job([&] { return list_models(options); });
        },
    .select =
        [](const detectors::SelectOptions& options) {
          return run_stoppable_job([&] { detectors::select(options, stopping); });
        },
    .quantize =
        [](const QuantizeOptions& options) {
          return run_stoppable_job([&] { quantize_detector(options); });
        },
    .bench =
        [](const BenchOptions& options) { return run_torch_job([&] { return bench(options); }); },
    .doctor = [] { return run_torch_job(diagnose); }};
