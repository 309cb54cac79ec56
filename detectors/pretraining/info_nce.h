#pragma once

#include <torch/torch.h>

namespace lanner::detectors {

struct InfoNce {
  at::Tensor loss;      // scalar: mean of -log softmax of the positive
  at::Tensor accuracy;  // scalar: how often no other scores as high as the positive
};

struct InfoNceOptions {
  double temperature = 0.1;  // of cosines; 0: dot products times 0.1, as CPC v2 has them
  int64_t negatives = 0;     // drawn for each prediction, never the positive; 0: all others
};

// InfoNCE (arXiv 1807.03748, section 2.3). predictions: [M, D]; targets: [N, D], of which row
// `positives[m]` ([M] int64) is what prediction m should find among all N, or among itself and as
// many drawn ones. The mutual information is at least ln(candidates) - loss. Logits are made and
// dropped block by block, so that memory grows with M + N.
InfoNce info_nce(const at::Tensor& predictions, const at::Tensor& targets,
                 const at::Tensor& positives, const InfoNceOptions& options);

}  // namespace lanner::detectors
