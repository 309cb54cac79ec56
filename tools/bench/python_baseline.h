#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace lanner::tools {

// The path of a script in python/lanner/peers.
std::string peer_program(const std::string& name);

// A baseline to compare with. It runs in a separate Python process, so that neither affects the
// other's memory. The script prints "ready", or something else if a package is missing. Then it
// replies to each line, "32" or "16" bits, with the milliseconds of one run.
class PythonBaseline {
 public:
  PythonBaseline(const std::string& program, const std::vector<std::string>& arguments);
  PythonBaseline(const PythonBaseline&) = delete;
  ~PythonBaseline();

  bool available() const { return available_; }
  // Times one run, in milliseconds. bfloat16: under bfloat16 autocast. Throws Error if the process
  // has ended.
  double run(bool bfloat16);

 private:
  std::string read_line();

  int pid_ = -1;
  FILE *to_ = nullptr, *from_ = nullptr;
  bool available_ = false;
};

}  // namespace lanner::tools
