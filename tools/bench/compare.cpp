#include "tools/bench/compare.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lanner/detectors/autocast.h"
#include "tools/bench/process.h"
#include "tools/bench/timing.h"

namespace lanner::tools {
namespace {

// Resets peak_memory() of this process.
void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace

void print_comparison_header(const std::string& reference, const PythonBaseline& baseline) {
  print_machine(baseline.available() ? "" : "; " + reference + " is not installed");
  std::printf("%-34s %10s %14s %14s %8s %8s %8s\n", "", "lanner ms", (reference + " ms").c_str(),
              "its bf16 ms", "ratio", "to bf16", "MB");
  std::fflush(stdout);
}

nlohmann::json compare(const std::string& reference, const std::string& name,
                       const std::function<void()>& job, bool bfloat16, PythonBaseline& baseline,
                       int64_t runs) {
  const auto run = [&] {
    const detectors::Autocast autocast(bfloat16, torch::kCPU);
    job();
  };
  reset_peak_memory();
  run(), run();
  const double memory = peak_memory("self");
  if (baseline.available()) baseline.run(false), baseline.run(true);
  std::vector<double> lanner_ms, reference_ms[2], ratio[2];  // in float32, in bfloat16
  for (int64_t i = 0; i < runs; ++i) {
    lanner_ms.push_back(milliseconds(run));
    for (int type : {0, 1}) {
      if (!baseline.available()) continue;
      reference_ms[type].push_back(baseline.run(type));
      ratio[type].push_back(reference_ms[type].back() / lanner_ms.back());
    }
  }
  nlohmann::json row{{"name", name}, {"lanner_ms", median(lanner_ms)}, {"peak_memory_mb", memory}};
  std::printf("%-34s %10.1f ", name.c_str(), median(lanner_ms));
  if (baseline.available()) {
    row[reference + "_ms"] = median(reference_ms[0]);
    row[reference + "_bf16_ms"] = median(reference_ms[1]);
    row["ratio"] = median(ratio[0]), row["ratio_to_bf16"] = median(ratio[1]);
    std::printf("%14.1f %14.1f %7.2fx %7.2fx ", median(reference_ms[0]), median(reference_ms[1]),
                median(ratio[0]), median(ratio[1]));
  } else {
    std::printf("%14s %14s %8s %8s ", "-", "-", "-", "-");
  }
  std::printf("%8.0f\n", memory);
  std::fflush(stdout);
  return row;
}

}  // namespace lanner::tools
