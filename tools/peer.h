#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace lanner::tools {

// A Python program in a process of its own, so that neither's memory is the other's. It says
// "ready", or something else where it lacks what it needs; then answers each line, "32" or "16"
// bits, with the milliseconds that its work took.
class Peer {
 public:
  Peer(const std::string& program, const std::vector<std::string>& arguments);
  Peer(const Peer&) = delete;
  ~Peer();

  bool there() const { return there_; }  // whether it has what it needs
  // Milliseconds of one piece of work; sixteen: under bfloat16 autocast.
  double run(bool sixteen);

 private:
  std::string line();

  int pid_ = -1;
  FILE *to_ = nullptr, *from_ = nullptr;
  bool there_ = false;
};

}  // namespace lanner::tools
