#include "lanner/detectors/diffusion/stage.h"

#include <cmath>

#include "lanner/detectors/roi_heads/linear.h"
#include "lanner/detectors/upcast.h"

namespace lanner::detectors {
namespace {

constexpr double kBoxWeight = 2;         // of the deltas of centers
constexpr double kMaxGrowth = 1e5 / 16;  // of a side
constexpr double kDeltaStd = 0.001;      // of the initial weights that predict deltas

// Moves boxes [K, 4] by deltas [K, 4]: centers by fractions of the sides, sides by factors.
at::Tensor moved(const at::Tensor& boxes, const at::Tensor& deltas) {
  const auto low = boxes.slice(1, 0, 2), high = boxes.slice(1, 2, 4);
  const auto sides = high - low;
  const auto centers = (low + high) / 2 + deltas.slice(1, 0, 2) / kBoxWeight * sides;
  const auto half = deltas.slice(1, 2, 4).clamp_max(std::log(kMaxGrowth)).exp() * sides / 2;
  return torch::cat({centers - half, centers + half}, 1);
}

}  // namespace

BoxMoverImpl::BoxMoverImpl(int64_t width, int64_t classes)
    : cls_score_(register_module("cls_score", torch::nn::Linear(width, classes + 1))),
      bbox_pred_(register_module("bbox_pred", torch::nn::Linear(width, 4))) {
  // A stage begins with the boxes of the one before, so that each learns from sound ones.
  torch::nn::init::normal_(bbox_pred_->weight, 0, kDeltaStd);
  torch::nn::init::zeros_(bbox_pred_->bias);
}

StageOutput BoxMoverImpl::forward(const at::Tensor& features, const at::Tensor& boxes) {
  return {upcast(cls_score_(features)), moved(boxes, upcast(bbox_pred_(features))), {}};
}

PlainStage::PlainStage(int64_t width, int64_t classes, int64_t area, int64_t head_width)
    : fc6_(register_module("fc6", torch::nn::Linear(area * width, head_width))),
      fc7_(register_module("fc7", torch::nn::Linear(head_width, head_width))),
      box_predictor_(register_module("box_predictor", BoxMover(head_width, classes))) {}

StageOutput PlainStage::forward(const at::Tensor& pooled, const at::Tensor& boxes,
                                const at::Tensor&, const at::Tensor&, int64_t) {
  // Positions before channels: the order of the pooling's memory.
  const auto features = pooled.flatten(2).transpose(1, 2);
  return box_predictor_(linear(fc7_, linear(fc6_, features, true), true), boxes);
}

}  // namespace lanner::detectors
