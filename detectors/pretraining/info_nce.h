#pragma once

#include <torch/torch.h>

namespace lanner::detectors {

struct InfoNce {
  at::Tensor loss;      // scalar: mean of -log softmax of the positive
  at::Tensor accuracy;  // scalar: how often the positive scores highest
};

// InfoNCE (arXiv 1807.03748, section 2.3). predictions: [M, D]; targets: [N, D], of which row
// `positives[m]` ([M] int64) is what prediction m should find among all N. The mutual information
// is at least ln N - loss.
InfoNce info_nce(const at::Tensor& predictions, const at::Tensor& targets,
                 const at::Tensor& positives);

}  // namespace lanner::detectors
