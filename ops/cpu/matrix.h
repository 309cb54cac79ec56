#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace lanner::ops {

// a [M, K] times the transpose of b [N, K], plus bias [N]. One thread inside at::parallel_for, all
// of them outside. By oneDNN where torch has it (on AMD processors twice as fast as MKL, which
// at::mm uses), else by at::mm. Called below autograd.
at::Tensor times_transposed(const at::Tensor& a, const at::Tensor& b,
                            const std::optional<at::Tensor>& bias = {});

}  // namespace lanner::ops
