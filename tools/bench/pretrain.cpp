#include "tools/bench/bench.h"

#include <ATen/Parallel.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "lanner/detectors/device.h"
#include "lanner/detectors/flop_count.h"
#include "lanner/detectors/pretraining/objective.h"
#include "lanner/detectors/training/optimizer.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/ops/cpu_cache.h"
#include "tools/bench/compare.h"
#include "tools/bench/timing.h"

namespace lanner::tools {
namespace {

constexpr int64_t kBatchImages = 32;

}  // namespace

int bench_pretrain(const BenchOptions& options) {
  use_threads(options);
  PythonBaseline baseline("cpc.py", {std::to_string(at::get_num_threads())});
  print_comparison_header("PyTorch", baseline);
  const auto images =
      torch::randn({kBatchImages, 3, 128, 128}).contiguous(at::MemoryFormat::ChannelsLast);
  nlohmann::json rows = nlohmann::json::array();
  for (const bool bfloat16 : {false, true}) {
    torch::manual_seed(0);
    detectors::PretrainOptions pretraining;
    pretraining.image_size = 128;
    pretraining.patch.size = 32, pretraining.patch.stride = 16;
    pretraining.last_distance = 4;
    const auto objective = detectors::make_objective(pretraining);
    detectors::place(*objective, torch::kCPU);
    detectors::Optimizer optimizer(*objective, pretraining.loop);
    const auto step = [&] {
      const ops::CpuCacheGuard keep;
      optimizer.zero_grad();
      objective->forward(images).loss.backward();
      optimizer.step(1e-4);
    };
    double flops = 0;
    {
      const detectors::FlopCount count;
      step();
      flops = count.total();
    }
    auto row = compare("PyTorch", std::string("CPC step, ") + (bfloat16 ? "bfloat16" : "float32"),
                       step, bfloat16, baseline, options.runs);
    const double rate = flops / (row["lanner_ms"].get<double>() / 1e3);
    const double peak = detectors::peak_rate(bfloat16 ? at::kBFloat16 : at::kFloat, at::kCPU);
    row["gflops"] = rate / 1e9, row["peak_gflops"] = peak / 1e9, row["peak_share"] = rate / peak;
    std::printf("  %.1f images/s, %.0f GFLOP/s, %.0f %% of a matrix product's %.0f\n",
                kBatchImages / (row["lanner_ms"].get<double>() / 1e3), rate / 1e9,
                100 * rate / peak, peak / 1e9);
    rows.push_back(row);
  }
  write_rows(options, rows);
  return 0;
}

}  // namespace lanner::tools
