#pragma once

#include <cstdio>
#include <string>

namespace lanner::tools {

// torchvision's Faster R-CNN in a Python process of its own, so that neither's memory is the
// other's. It waits until it is asked.
class Peer {
 public:
  // what: "detect" or "train"; depth: of the ResNet; threads: of torch.
  Peer(const std::string& what, int depth, int threads);
  Peer(const Peer&) = delete;
  ~Peer();

  bool there() const { return there_; }  // whether torchvision was found
  // Milliseconds of one detection or training step; sixteen: under bfloat16 autocast.
  double run(bool sixteen);

 private:
  std::string line();

  int pid_ = -1;
  FILE *to_ = nullptr, *from_ = nullptr;
  bool there_ = false;
};

}  // namespace lanner::tools
