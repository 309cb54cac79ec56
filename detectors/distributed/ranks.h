#pragma once

#include "lanner/ops/torch.h"

#include <string>
#include <vector>

#include "lanner/ops/api.h"

namespace lanner::detectors {

// The processes that train together are ranks 0 .. size-1. `torchrun --no-python` starts them, and
// tells them by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT where they meet. A process that was
// started otherwise, or has not joined, is the only rank.
struct Ranks {
  int rank = 0, size = 1;
  bool is_first() const { return rank == 0; }
};

LANNER_API Ranks ranks();

// Meets the other ranks, over Gloo. All ranks but the first then write nothing to stderr but
// errors, with their rank. Does nothing if the process was not started by torchrun or has joined.
// Throws usage_error for a variable that makes no sense, and Error (internal) if the others do not
// come.
LANNER_API void join_ranks();

// Whether torchrun has started this run anew after a rank had failed.
LANNER_API bool is_restarted();

// While one lives, this process is the only rank.
class SingleRankGuard {
 public:
  SingleRankGuard();
  SingleRankGuard(const SingleRankGuard&) = delete;
  ~SingleRankGuard();

 private:
  const Ranks ranks_;
};

// The functions below are called by all ranks, in the same order. They throw Error (internal) where
// another rank is gone, or does not come within ten minutes.

// Returns the sum of all ranks' tensors, which have the same shape and type. No gradient.
at::Tensor sum_over_ranks(const at::Tensor& tensor);

// Returns the mean of all ranks' numbers.
double mean_over_ranks(double value);

// Returns what each rank gave, by rank.
std::vector<std::string> gather_over_ranks(const std::string& bytes);

// Returns the rows of all ranks, by rank: [size * N, ...] of [N, ...], with the same N everywhere.
// The gradient of a row is the sum of those of all ranks.
at::Tensor gather_rows(const at::Tensor& rows);

// Overwrites the tensors with those of the first rank.
void copy_from_first_rank(const std::vector<at::Tensor>& tensors);

// Averages gradients over the ranks, in buckets, while the backward pass goes on
// (torch/csrc/distributed/c10d/reducer.hpp). Does nothing for a single rank.
class GradientSync {
 public:
  explicit GradientSync(const std::vector<at::Tensor>& parameters);
  ~GradientSync();
  // To be called between the forward and the backward pass of `loss`.
  void before_backward(const at::Tensor& loss);

 private:
  struct Reducer;
  std::unique_ptr<Reducer> reducer_;
};

}  // namespace lanner::detectors
