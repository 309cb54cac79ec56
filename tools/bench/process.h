#pragma once

#include <string>
#include <vector>

namespace lanner::tools {

// Time and memory of a process.
struct ProcessCost {
  double seconds = 0;
  double megabytes = 0;  // peak memory, sampled every few milliseconds
  int code = 0;          // exit code; 0: success
  std::string output;    // its standard output
};

// The peak memory so far of the process with this id, in MB. "self" is the current process. Returns
// 0 if there is no such process.
double peak_memory(const std::string& process);

// Runs a program and waits for it. show: also copy its output to standard output. Throws io_error
// if it cannot be run.
ProcessCost run_process(std::vector<std::string> words, bool show = false);

}  // namespace lanner::tools
