#include "tools/bench/timing.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "lanner/datasets/files.h"
#include "lanner/datasets/reading/coco.h"

namespace lanner::tools {

void use_threads(const BenchOptions& options) {
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
}

void print_machine(const std::string& note) {
  std::printf("%d threads, %s%s\n", at::get_num_threads(), at::get_cpu_capability().c_str(),
              note.c_str());
}

double milliseconds(const std::function<void()>& job) {
  const auto start = std::chrono::steady_clock::now();
  job();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void write_rows(const BenchOptions& options, const nlohmann::json& rows) {
  if (options.json.empty()) return;
  const nlohmann::json table{{"threads", at::get_num_threads()},
                             {"cpu_capability", at::get_cpu_capability()},
                             {"rows", rows}};
  datasets::write_file(options.json, table.dump(2) + "\n");
}

}  // namespace lanner::tools
