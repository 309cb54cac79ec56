#include "lanner/detectors/roi_heads/box_head.h"

#include <cmath>

#include "lanner/detectors/backbones/norm.h"
#include "lanner/ops/roi_align.h"

namespace lanner::detectors {

at::Tensor pool_from_levels(const std::vector<at::Tensor>& features,
                            const std::vector<double>& scales, const at::Tensor& rois, int64_t size,
                            int64_t sampling_ratio) {
  const auto pool = [&](size_t level, const at::Tensor& chosen) {
    // In float whatever the features are: 16 bits would round a coordinate of 500 by two pixels.
    return ops::roi_align(features[level].to(chosen.dtype()), chosen,
                          {.spatial_scale = scales[level],
                           .pooled_height = size,
                           .pooled_width = size,
                           .sampling_ratio = sampling_ratio,
                           .aligned = false});
  };
  if (features.size() == 1) return pool(0, rois);
  const double finest = -std::log2(scales.front()), coarsest = -std::log2(scales.back());
  const auto area =
      (rois.select(1, 3) - rois.select(1, 1)) * (rois.select(1, 4) - rois.select(1, 2));
  const auto levels =
      ((area.sqrt() / 224).log2() + (4 + 1e-6)).floor().clamp(finest, coarsest) - finest;
  std::vector<at::Tensor> pooled, places;
  for (size_t level = 0; level < features.size(); ++level) {
    const auto chosen = torch::nonzero(levels == static_cast<int64_t>(level)).squeeze(1);
    if (chosen.size(0) == 0) continue;
    pooled.push_back(pool(level, rois.index_select(0, chosen)));
    places.push_back(chosen);
  }
  if (pooled.empty()) return pool(0, rois);
  if (pooled.size() == 1) return pooled[0];
  // The levels' results, one after the other, back in the order of the RoIs.
  return torch::cat(pooled).index_select(0, torch::cat(places).argsort());
}

BoxHeadImpl::BoxHeadImpl(int64_t channels, const std::vector<double>& scales, int64_t classes,
                         const RoiOptions& options)
    : options_(options),
      scales_(scales),
      fc6_(channels * options.pooled_size * options.pooled_size, options.head_width),
      cls_score_(options.head_width, classes + 1),
      bbox_pred_(options.head_width, 4 * (classes + 1)) {
  auto head = register_module("box_head", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < options.head_convs; ++i) {
    torch::nn::Conv2d conv(torch::nn::Conv2dOptions(channels, channels, 3).padding(1).bias(false));
    torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
    convs_.emplace_back(conv, NormLayer(Norm::batch, channels));
    head->register_module(std::to_string(i), convs_.back());
  }
  if (options.head_convs > 0) {  // torchvision's numbers: after the convolutions, one that flattens
    head->register_module(std::to_string(options.head_convs + 1), fc6_);
  } else {
    fc7_ = torch::nn::Linear(options.head_width, options.head_width);
    head->register_module("fc6", fc6_);
    head->register_module("fc7", fc7_);
  }
  auto predictor = register_module("box_predictor", std::make_shared<torch::nn::Module>());
  predictor->register_module("cls_score", cls_score_);
  predictor->register_module("bbox_pred", bbox_pred_);
}

RoiPredictions BoxHeadImpl::forward(const std::vector<at::Tensor>& features, const RoiBatch& rois) {
  auto pooled =
      pool_from_levels(features, scales_, rois.rois, options_.pooled_size, options_.sampling_ratio);
  for (auto& conv : convs_) pooled = conv->forward(pooled).relu_();
  auto hidden = fc6_(pooled.flatten(1)).relu_();
  if (fc7_) hidden = fc7_(hidden).relu_();
  return {cls_score_(hidden).to(torch::kFloat), bbox_pred_(hidden).to(torch::kFloat)};
}

}  // namespace lanner::detectors
