#include "tools/compare.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lanner/detectors/training/autocast.h"
#include "tools/process.h"
#include "tools/timing.h"

namespace lanner::tools {
namespace {

// peak_memory() begins anew.
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace

void print_comparison_header(const std::string& whose, const Peer& peer) {
  print_machine(peer.there() ? "" : "; " + whose + " is not installed beside LibTorch");
  std::printf("%-34s %10s %14s %14s %8s %8s %8s\n", "", "lanner ms", (whose + " ms").c_str(),
              "its bf16 ms", "ratio", "to bf16", "MB");
}

nlohmann::json compare(const std::string& whose, const std::string& name,
                       const std::function<void()>& job, bool sixteen, Peer& peer, int64_t runs) {
  const auto ours = [&] {
    const detectors::Autocast autocast(sixteen, torch::kCPU);
    job();
  };
  forget_peak();
  ours(), ours();
  const double memory = peak_memory("self");
  if (peer.there()) peer.run(false), peer.run(true);
  std::vector<double> mine, other[2], ratio[2];
  for (int64_t i = 0; i < runs; ++i) {
    mine.push_back(milliseconds(ours));
    for (int bits : {0, 1}) {
      if (!peer.there()) continue;
      other[bits].push_back(peer.run(bits));
      ratio[bits].push_back(other[bits].back() / mine.back());
    }
  }
  nlohmann::json row{{"name", name}, {"lanner_ms", median(mine)}, {"peak_memory_mb", memory}};
  std::printf("%-34s %10.1f ", name.c_str(), median(mine));
  if (peer.there()) {
    row[whose + "_ms"] = median(other[0]), row[whose + "_bf16_ms"] = median(other[1]);
    row["ratio"] = median(ratio[0]), row["ratio_to_bf16"] = median(ratio[1]);
    std::printf("%14.1f %14.1f %7.2fx %7.2fx ", median(other[0]), median(other[1]),
                median(ratio[0]), median(ratio[1]));
  } else {
    std::printf("%14s %14s %8s %8s ", "-", "-", "-", "-");
  }
  std::printf("%8.0f\n", memory);
  std::fflush(stdout);
  return row;
}

}  // namespace lanner::tools
