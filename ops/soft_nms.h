#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <tuple>

#include "lanner/ops/api.h"

namespace lanner::ops {

struct SoftNmsOptions {
  std::string method = "linear";  // "linear", "gaussian", or "naive" (hard suppression)
  double iou_threshold = 0.3;  // "linear" and "naive" act from this IoU on; "gaussian" ignores it
  double sigma = 0.5;          // of "gaussian"
  double min_score = 1e-3;     // boxes whose score falls below this are dropped
};

// Soft-NMS (arXiv 1704.04503): repeatedly selects the box with the highest score and decays the
// scores of the boxes that overlap it, by 1 - IoU (linear) or exp(-IoU^2 / sigma) (gaussian).
// boxes: [N, 4]: x1, y1, x2, y2; scores: [N], of the same floating-point type. Returns the indices
// of the kept boxes in the order of selection, int64, and their decayed scores, computed in at
// least float32. Neither has a gradient. CUDA tensors are copied to the host and back. Throws
// c10::Error for invalid arguments.
LANNER_API std::tuple<at::Tensor, at::Tensor> soft_nms(const at::Tensor& boxes,
                                                       const at::Tensor& scores,
                                                       const SoftNmsOptions& options);

}  // namespace lanner::ops
