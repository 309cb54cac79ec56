#include "tools/bench/bench.h"

#include <cstdlib>

#include "tools/bench/process.h"

namespace lanner::tools {

namespace {

// Runs `python -m lanner.bench WHAT`.
int run_module(const std::string& what, const BenchOptions& options) {
  setenv("PYTHONPATH", LANNER_PYTHON_PACKAGE, /*overwrite=*/1);
  std::vector<std::string> words{LANNER_PYTHON, "-m",     "lanner.bench",
                                 what,          "--runs", std::to_string(options.runs)};
  if (options.threads > 0)
    words.insert(words.end(), {"--threads", std::to_string(options.threads)});
  if (!options.json.empty()) words.insert(words.end(), {"--json", options.json.string()});
  return run_process(words, /*show=*/true).code;
}

}  // namespace

int bench_ops(const BenchOptions& options) { return run_module("ops", options); }
int bench_detect(const BenchOptions& options) { return run_module("detect", options); }

}  // namespace lanner::tools
