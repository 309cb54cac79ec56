#pragma once

#include "lanner/ops/torch.h"

namespace lanner::detectors {

// Batch norm in training whose statistics are those of the batches of all ranks. x: [N, C, H, W] or
// [N, C]; weight, bias: [C]. Updates running_mean and running_var, [C], as torch's batch norm does.
at::Tensor synced_batch_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             const at::Tensor& running_mean, const at::Tensor& running_var,
                             double momentum, double eps);

}  // namespace lanner::detectors
