#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <tuple>

namespace lanner::ops {

struct SoftNmsOptions {
  std::string method = "linear";  // linear, gaussian, or naive: hard suppression
  double iou_threshold = 0.3;     // from which linear and naive act; gaussian always does
  double sigma = 0.5;             // of gaussian
  double min_score = 1e-3;        // boxes whose score falls below are dropped
};

// Soft-NMS (arXiv 1704.04503): the box of the highest score is taken, and the scores of those that
// overlap it fall, by 1 - IoU (linear) or exp(-IoU^2 / sigma) (gaussian); and so on.
// boxes: [N, 4]: x1, y1, x2, y2; scores: [N], both of one floating-point type. Returns the indices
// of the kept boxes in the order taken, int64, and their fallen scores, computed in
// float32 at least; neither has a gradient. CUDA tensors are copied to
// the host and back. Throws c10::Error for wrong arguments.
std::tuple<at::Tensor, at::Tensor> soft_nms(const at::Tensor& boxes, const at::Tensor& scores,
                                            const SoftNmsOptions& options);

}  // namespace lanner::ops
