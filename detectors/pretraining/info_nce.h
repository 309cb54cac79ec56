#pragma once

#include "lanner/ops/torch.h"

namespace lanner::detectors {

// Scalars.
struct InfoNce {
  at::Tensor loss;  // mean of -log softmax of the positive
  at::Tensor
      accuracy;  // fraction of predictions whose positive scores higher than all others, 0..1
};

struct InfoNceOptions {
  double temperature = 0.1;  // of cosine similarities; 0: dot products times 0.1, as in CPC v2
  int64_t negatives = 0;     // sampled per prediction, with replacement; 0: all other targets
};

// The InfoNCE loss (arXiv 1807.03748, section 2.3). predictions: [M, D]; targets: [N, D];
// positives: [M] int64 in 0..N-1, the row of the target that each prediction should identify, among
// all N or among itself and the sampled negatives, which never include it. The mutual information
// is at least ln(candidates) - loss. Computes logits block by block, so that memory grows with M +
// N. Samples negatives with torch's default generator.
InfoNce info_nce(const at::Tensor& predictions, const at::Tensor& targets,
                 const at::Tensor& positives, const InfoNceOptions& options);

}  // namespace lanner::detectors
