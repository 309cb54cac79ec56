#include "lanner/detectors/rpn.h"

#include "lanner/detectors/matching.h"
#include "lanner/ops/nms.h"

namespace lanner::detectors {
namespace {

constexpr double kSmallestSide = 1e-3, kBeta = 1. / 9;

torch::nn::Conv2d convolution(int64_t in, int64_t out, int64_t kernel) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2));
  torch::nn::init::normal_(conv->weight, 0, 0.01);
  torch::nn::init::zeros_(conv->bias);
  return conv;
}

// [N, A * K, H, W], channels seen as (A, K), to [N, H * W * A, K].
at::Tensor by_anchor(const at::Tensor& x, int64_t per_anchor) {
  const int64_t batch = x.size(0), rows = x.size(2), columns = x.size(3);
  return x.view({batch, -1, per_anchor, rows, columns})
      .permute({0, 3, 4, 1, 2})
      .reshape({batch, -1, per_anchor})
      .to(torch::kFloat);
}

}  // namespace

RpnImpl::RpnImpl(int64_t channels, const AnchorOptions& anchors, const RpnOptions& options)
    : options_(options), anchors_(anchors) {
  auto head = register_module("head", std::make_shared<torch::nn::Module>());
  torch::nn::ModuleList convs;  // "conv.0.0"
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
  cls_logits_ = predictor("cls_logits", anchors_.per_cell());
  bbox_pred_ = predictor("bbox_pred", anchors_.per_cell() * 4);
}

AnchorPredictions RpnImpl::forward(const std::vector<at::Tensor>& features,
                                   const at::Tensor& images) {
  std::vector<at::Tensor> objectness, deltas;
  AnchorPredictions predictions;
  for (const auto& feature : features) {
    auto hidden = feature;
    for (const auto& conv : convs_) hidden = conv(hidden);
    objectness.push_back(by_anchor(cls_logits_(hidden), 1));
    deltas.push_back(by_anchor(bbox_pred_(hidden), 4));
    predictions.anchors_of_level.push_back(objectness.back().size(1));
  }
  predictions.anchors = anchors_(features, {images.size(2), images.size(3)});
  predictions.objectness = torch::cat(objectness, 1).squeeze(2);
  predictions.deltas = torch::cat(deltas, 1);
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
    std::vector<at::Tensor> chosen, levels;
    int64_t first = 0;
    for (const int64_t count : predictions.anchors_of_level) {
      const auto top =
          std::get<1>(objectness.slice(0, first, first + count).topk(std::min(pre_nms, count)));
      levels.push_back(torch::full_like(top, static_cast<int64_t>(levels.size())));
      chosen.push_back(top + first);
      first += count;
    }
    const auto indices = torch::cat(chosen);
    const auto scores = objectness.index_select(0, indices).sigmoid();
    auto boxes =
        coder_.decode(deltas.index_select(0, indices), predictions.anchors.index_select(0, indices))
            .squeeze(1);
    boxes = ops::clip_boxes(boxes, sizes[n].height, sizes[n].width);
    const auto sides = boxes.slice(1, 2, 4) - boxes.slice(1, 0, 2);
    const auto large = torch::nonzero((sides >= kSmallestSide).all(1)).squeeze(1);
    boxes = boxes.index_select(0, large);
    const auto kept = ops::batched_nms(boxes, scores.index_select(0, large),
                                       torch::cat(levels).index_select(0, large), options_.nms_iou);
    proposals.push_back(boxes.index_select(0, kept.slice(0, 0, post_nms)));
  }
  return proposals;
}

RpnLosses RpnImpl::losses(const AnchorPredictions& predictions,
                          const std::vector<at::Tensor>& boxes) const {
  std::vector<at::Tensor> logits, wanted, deltas, targets;
  int64_t sampled = 0;
  for (size_t n = 0; n < boxes.size(); ++n) {
    const auto matches = match(ops::box_iou(boxes[n], predictions.anchors), options_.positive_iou,
                               options_.negative_iou, /*keep_best=*/true);
    const auto chosen = sample(matches, options_.sampled_anchors, options_.positive_fraction);
    const auto objectness = predictions.objectness[n];
    logits.push_back(objectness.index_select(0, torch::cat({chosen.positive, chosen.negative})));
    wanted.push_back(torch::ones({chosen.positive.size(0)}, objectness.options()));
    wanted.push_back(torch::zeros({chosen.negative.size(0)}, objectness.options()));
    sampled += chosen.positive.size(0) + chosen.negative.size(0);
    if (chosen.positive.size(0) == 0) continue;
    deltas.push_back(predictions.deltas[n].index_select(0, chosen.positive));
    targets.push_back(
        coder_.encode(boxes[n].index_select(0, matches.index_select(0, chosen.positive)),
                      predictions.anchors.index_select(0, chosen.positive)));
  }
  const auto objectness =
      torch::binary_cross_entropy_with_logits(torch::cat(logits), torch::cat(wanted));
  const auto box_reg = deltas.empty()
                           ? predictions.deltas.sum() * 0
                           : torch::smooth_l1_loss(torch::cat(deltas), torch::cat(targets),
                                                   at::Reduction::Sum, kBeta) /
                                 sampled;
  return {objectness, box_reg};
}

}  // namespace lanner::detectors
