#include "lanner/detectors/roi_heads/position_sensitive_head.h"

#include "lanner/detectors/roi_heads/roi_pooling.h"
#include "lanner/ops/deform_roi_pool.h"
#include "lanner/ops/ps_roi_align.h"
#include "lanner/ops/ps_roi_pool.h"

namespace lanner::detectors {

PositionSensitiveHead::PositionSensitiveHead(const BackboneImpl& backbone, int64_t classes,
                                             const RoiOptions& options)
    : options_(options), scales_(backbone.roi_scales) {
  const int64_t bins = options.pooled_size * options.pooled_size;
  auto stack = register_module("convs", std::make_shared<torch::nn::Module>());
  // No norm: levels differ in their statistics, which the running ones of a batch norm would mix.
  convs_ = add_convolutions(*stack, options.head_convs, backbone.roi_channels, options.head_width,
                            Norm::none);
  const int64_t channels = convs_.empty() ? backbone.roi_channels : options.head_width;
  const auto maps = [&](const char* name, int64_t per_bin, double deviation) {
    torch::nn::Conv2d conv(torch::nn::Conv2dOptions(channels, per_bin * bins, 1));
    torch::nn::init::normal_(conv->weight, 0, deviation);
    torch::nn::init::zeros_(conv->bias);
    return ConvUnit(register_module(name, conv), nullptr, false);
  };
  score_maps_ = maps("score_maps", classes + 1, 0.01);
  box_maps_ = maps("box_maps", 4, 0.01);
  if (!options.deformable) return;
  score_offsets_ = maps("score_offset_maps", 2 * (classes + 1), 0);
  box_offsets_ = maps("box_offset_maps", 2, 0);
}

PositionSensitiveHead::Levels PositionSensitiveHead::hidden(const Levels& features) const {
  auto levels = features;
  for (const auto& conv : convs_)
    for (auto& level : levels) level = conv(level);
  return levels;
}

at::Tensor PositionSensitiveHead::pool_deformed(const ConvUnit& maps, const Levels& hidden,
                                                const at::Tensor& rois,
                                                const at::Tensor& offset) const {
  return pool_by_level(scales_, rois, [&](size_t level, const at::Tensor& chosen) {
    const auto moved =
        offset.defined() ? std::optional(offset.index_select(0, chosen)) : std::nullopt;
    return ops::deform_ps_roi_pool(maps(hidden[level]).to(rois.dtype()),
                                   rois.index_select(0, chosen), moved,
                                   {.spatial_scale = scales_[level],
                                    .pooled_height = options_.pooled_size,
                                    .pooled_width = options_.pooled_size,
                                    .group_size = options_.pooled_size,
                                    .trans_std = kOffsetScale});
  });
}

at::Tensor PositionSensitiveHead::pool(const ConvUnit& maps, const Levels& hidden,
                                       const at::Tensor& rois) const {
  const int64_t k = options_.pooled_size;
  return pool_by_level(scales_, rois, [&](size_t level, const at::Tensor& chosen) {
    const auto input = maps(hidden[level]).to(rois.dtype());
    const auto own = rois.index_select(0, chosen);
    if (options_.pooling == Pooling::roi_align)
      return ops::ps_roi_align(input, own,
                               {.spatial_scale = scales_[level],
                                .pooled_height = k,
                                .pooled_width = k,
                                .sampling_ratio = options_.sampling_ratio});
    return ops::ps_roi_pool(
        input, own,
        {.spatial_scale = scales_[level], .pooled_height = k, .pooled_width = k, .original = true});
  });
}

RoiPredictions PositionSensitiveHead::forward(const std::vector<at::Tensor>& features,
                                              const at::Tensor& rois) {
  const auto x = hidden(features);
  const auto vote = [&](const ConvUnit& maps, const ConvUnit& offsets) {
    const auto pooled = options_.deformable
                            ? pool_deformed(maps, x, rois, pool_deformed(offsets, x, rois, {}))
                            : pool(maps, x, rois);
    return pooled.mean({2, 3});
  };
  return {vote(score_maps_, score_offsets_), vote(box_maps_, box_offsets_)};
}

at::Tensor PositionSensitiveHead::offsets(const std::vector<at::Tensor>& features,
                                          const at::Tensor& rois) {
  if (!options_.deformable) return {};
  return kOffsetScale * pool_deformed(box_offsets_, hidden(features), rois, {});
}

}  // namespace lanner::detectors
