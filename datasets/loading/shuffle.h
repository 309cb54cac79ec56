#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "lanner/ops/api.h"

namespace lanner::datasets {

// An endless sequence of passes over 0 .. count-1, each in a random order that depends on the seed.
// With groups, the items of a batch are of the same group, except at the end of a pass.
// Thread-safe.
class LANNER_API Shuffle {
 public:
  Shuffle(int64_t count, uint64_t seed) : count_(count), seed_(seed) {}
  // `group`: the group of each item, for example whether its image is portrait.
  Shuffle(std::vector<char> group, int64_t batch_size, uint64_t seed)
      : count_(static_cast<int64_t>(group.size())),
        seed_(seed),
        batch_size_(batch_size),
        group_(std::move(group)) {}
  // The item at a position of the sequence.
  int64_t operator()(int64_t index);

 private:
  std::vector<int64_t> order_of(int64_t pass) const;

  const int64_t count_;
  const uint64_t seed_;
  const int64_t batch_size_ = 1;
  const std::vector<char> group_;
  std::mutex mutex_;
  std::map<int64_t, std::vector<int64_t>> orders_;  // by pass
};

}  // namespace lanner::datasets
