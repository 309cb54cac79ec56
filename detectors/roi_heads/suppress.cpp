#include "lanner/detectors/roi_heads/suppress.h"

#include "lanner/detectors/roi_heads/options.h"
#include "lanner/ops/nms.h"
#include "lanner/ops/soft_nms.h"

namespace lanner::detectors {

Suppressed suppress(const at::Tensor& boxes, const at::Tensor& scores, const at::Tensor& labels,
                    const RoiOptions& options) {
  if (options.soft_nms == 0 || boxes.numel() == 0) {
    const auto indices = ops::batched_nms(boxes, scores, labels, options.nms_iou);
    return {indices, scores.index_select(0, indices)};
  }
  // Boxes of different classes are moved apart, in double so that they keep their digits.
  const auto apart = boxes.to(at::kDouble) + (labels * (boxes.max() + 1)).unsqueeze(1);
  const auto [indices, lowered] = ops::soft_nms(
      apart, scores.to(at::kDouble),
      {.method = "gaussian", .sigma = options.soft_nms, .min_score = options.score_threshold});
  const auto [sorted, order] = lowered.to(scores.scalar_type()).sort(true, 0, true);
  return {indices.index_select(0, order), sorted};
}

}  // namespace lanner::detectors
