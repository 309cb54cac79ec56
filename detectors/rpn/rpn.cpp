#include "lanner/detectors/rpn/rpn.h"

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>

#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/rpn/matching.h"
#include "lanner/detectors/upcast.h"
#include "lanner/ops/nms.h"

namespace lanner::detectors {
namespace {

constexpr double kMinSide = 1e-3;  // in pixels
constexpr double kSmoothL1Beta = 1. / 9;

torch::nn::Conv2d convolution(int64_t in, int64_t out, int64_t kernel) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2));
  torch::nn::init::normal_(conv->weight, 0, 0.01);
  torch::nn::init::zeros_(conv->bias);
  return conv;
}

// [N, A * K, H, W], with channels ordered as (A, K), to [N, H * W * A, K].
at::Tensor flatten_anchors(const at::Tensor& x, int64_t values_per_anchor) {
  const int64_t batch_size = x.size(0), height = x.size(2), width = x.size(3);
  return upcast(x.view({batch_size, -1, values_per_anchor, height, width})
                    .permute({0, 3, 4, 1, 2})
                    .reshape({batch_size, -1, values_per_anchor}));
}

}  // namespace

RpnImpl::RpnImpl(int64_t channels, const AnchorOptions& anchors, const RpnOptions& options)
    : options_(options), anchors_(anchors) {
  auto head = register_module("head", std::make_shared<torch::nn::Module>());
  torch::nn::ModuleList convs;
  int64_t width = channels;
  for (int64_t i = 0; i < options.conv_depth; ++i) {
    const int64_t out = options.conv_channels > 0 ? options.conv_channels : channels;
    const auto conv = convolution(width, out, 3);
    convs->push_back(torch::nn::Sequential(conv));
    convs_.emplace_back(conv, nullptr, true);
    width = out;
  }
  const auto predictor = [&](const char* name, int64_t out) {
    return ConvUnit(head->register_module(name, convolution(width, out, 1)), nullptr, false);
  };
  head->register_module("conv", convs);
  cls_logits_ = predictor("cls_logits", anchors_.anchors_per_position());
  bbox_pred_ = predictor("bbox_pred", anchors_.anchors_per_position() * 4);
}

AnchorPredictions RpnImpl::forward(const std::vector<at::Tensor>& features,
                                   const at::Tensor& images) {
  std::vector<at::Tensor> objectness, deltas;
  AnchorPredictions predictions;
  for (const auto& feature : features) {
    auto hidden = feature;
    for (const auto& conv : convs_) hidden = conv(hidden);
    objectness.push_back(flatten_anchors(cls_logits_(hidden), 1));
    deltas.push_back(flatten_anchors(bbox_pred_(hidden), 4));
    predictions.anchors_per_level.push_back(objectness.back().size(1));
  }
  predictions.objectness = torch::cat(objectness, 1).squeeze(2);
  predictions.deltas = torch::cat(deltas, 1);
  predictions.anchors = anchors_(features, {images.size(2), images.size(3)}).to(predictions.deltas);
  return predictions;
}

Proposals RpnImpl::propose(const AnchorPredictions& predictions,
                           const std::vector<datasets::ImageSize>& sizes) const {
  const torch::NoGradGuard no_grad;
  const int64_t pre_nms = is_training() ? options_.pre_nms_train : options_.pre_nms_test;
  const int64_t post_nms = is_training() ? options_.post_nms_train : options_.post_nms_test;
  Proposals proposals;
  for (size_t n = 0; n < sizes.size(); ++n) {
    const auto objectness = predictions.objectness[n], deltas = predictions.deltas[n];
    std::vector<at::Tensor> level_indices, levels;
    int64_t first = 0;
    for (const int64_t count : predictions.anchors_per_level) {
      const auto top =
          std::get<1>(objectness.slice(0, first, first + count).topk(std::min(pre_nms, count)));
      levels.push_back(torch::full_like(top, static_cast<int64_t>(levels.size())));
      level_indices.push_back(top + first);
      first += count;
    }
    const auto indices = torch::cat(level_indices);
    const auto scores = objectness.index_select(0, indices).sigmoid();
    auto boxes =
        coder_.decode(deltas.index_select(0, indices), predictions.anchors.index_select(0, indices))
            .squeeze(1);
    boxes = ops::clip_boxes(boxes, sizes[n].height, sizes[n].width);
    const auto sides = boxes.slice(1, 2, 4) - boxes.slice(1, 0, 2);
    const auto valid = torch::nonzero((sides >= kMinSide).all(1)).squeeze(1);
    boxes = boxes.index_select(0, valid);
    const auto keep = ops::batched_nms(boxes, scores.index_select(0, valid),
                                       torch::cat(levels).index_select(0, valid), options_.nms_iou);
    proposals.push_back(boxes.index_select(0, keep.slice(0, 0, post_nms)));
  }
  return proposals;
}

RpnLosses RpnImpl::losses(const AnchorPredictions& predictions,
                          const datasets::Batch& batch) const {
  const auto& boxes = batch.boxes;
  std::vector<at::Tensor> logits, objectness_targets, deltas, delta_targets, weights;
  int64_t num_sampled = 0;
  for (size_t n = 0; n < boxes.size(); ++n) {
    const auto matches = match(ops::box_iou(boxes[n], predictions.anchors), options_.positive_iou,
                               options_.negative_iou, /*allow_low_quality=*/true);
    if (!batch.seeds.empty()) torch::manual_seed(2 * batch.seeds[n]);
    const auto [positive, negative] =
        sample(matches, options_.sampled_anchors, options_.positive_fraction);
    const auto objectness = predictions.objectness[n];
    logits.push_back(objectness.index_select(0, torch::cat({positive, negative})));
    objectness_targets.push_back(torch::ones({positive.size(0)}, objectness.options()));
    objectness_targets.push_back(torch::zeros({negative.size(0)}, objectness.options()));
    num_sampled += positive.size(0) + negative.size(0);
    if (positive.size(0) == 0) continue;
    deltas.push_back(predictions.deltas[n].index_select(0, positive));
    const auto target = matches.index_select(0, positive);
    delta_targets.push_back(coder_.encode(boxes[n].index_select(0, target),
                                          predictions.anchors.index_select(0, positive)));
    if (!batch.box_weights.empty()) weights.push_back(batch.box_weights[n].index_select(0, target));
  }
  const double count = std::max(mean_over_ranks(static_cast<double>(num_sampled)), 1.);
  const auto objectness =
      torch::binary_cross_entropy_with_logits(torch::cat(logits), torch::cat(objectness_targets),
                                              {}, {}, at::Reduction::Sum) /
      count;
  if (deltas.empty()) return {objectness, predictions.deltas.sum() * 0};
  auto box_reg = torch::smooth_l1_loss(torch::cat(deltas), torch::cat(delta_targets),
                                       weights.empty() ? at::Reduction::Sum : at::Reduction::None,
                                       kSmoothL1Beta);
  if (!weights.empty()) box_reg = (box_reg * torch::cat(weights).unsqueeze(1)).sum();
  return {objectness, box_reg / count};
}

}  // namespace lanner::detectors
