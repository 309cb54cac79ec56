#pragma once

#include <string>
#include <vector>

namespace lanner::tools {

// What a process took from its start to its end.
struct ProcessCost {
  double seconds = 0;
  double megabytes = 0;  // the most memory that it was seen to hold
  int code = 0;          // 0 where it ended well
  std::string output;    // what it wrote to its standard output
};

// The most memory that a process has held so far, in MB; "self" is this one. 0 where it is gone.
double peak_memory(const std::string& process);

// Runs a program and waits for it.
ProcessCost run_process(std::vector<std::string> words);

}  // namespace lanner::tools
