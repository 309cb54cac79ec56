#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "lanner/ops/api.h"

namespace lanner::ops {

// Returns a [M, K] times the transpose of b [N, K], plus bias [N]: a tensor [M, N]. Runs on one
// thread inside at::parallel_for and on all threads outside. Uses oneDNN if torch was built with it
// (twice as fast on AMD processors as MKL, which at::mm uses), otherwise at::mm. Call below
// autograd.
LANNER_API at::Tensor times_transposed(const at::Tensor& a, const at::Tensor& b,
                                       const std::optional<at::Tensor>& bias = {});

}  // namespace lanner::ops
