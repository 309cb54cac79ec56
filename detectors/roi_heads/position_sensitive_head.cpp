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
  auto convs = register_module("convs", std::make_shared<torch::nn::Module>());
  // No batch norm: its running statistics would mix levels, whose statistics differ.
  convs_ = add_convolutions(*convs, options.head_convs, backbone.roi_channels, options.head_width,
                            Norm::none);
  const int64_t channels = convs_.empty() ? backbone.roi_channels : options.head_width;
  const auto add_maps = [&](const char* name, int64_t maps_per_bin, double weight_std) {
    torch::nn::Conv2d conv(torch::nn::Conv2dOptions(channels, maps_per_bin * bins, 1));
    torch::nn::init::normal_(conv->weight, 0, weight_std);
    torch::nn::init::zeros_(conv->bias);
    return ConvUnit(register_module(name, conv), nullptr, false);
  };
  score_maps_ = add_maps("score_maps", classes + 1, 0.01);
  box_maps_ = add_maps("box_maps", 4, 0.01);
  if (!options.deformable) return;
  score_offsets_ = add_maps("score_offset_maps", 2 * (classes + 1), 0);
  box_offsets_ = add_maps("box_offset_maps", 2, 0);
}

PositionSensitiveHead::Levels PositionSensitiveHead::apply_convs(const Levels& features) const {
  auto levels = features;
  for (const auto& conv : convs_)
    for (auto& level : levels) level = conv(level);
  return levels;
}

at::Tensor PositionSensitiveHead::deform_pool(const ConvUnit& maps, const Levels& hidden,
                                              const at::Tensor& rois,
                                              const at::Tensor& offset) const {
  return pool_by_level(scales_, rois, [&](size_t level, const at::Tensor& indices) {
    const auto level_offset =
        offset.defined() ? std::optional(offset.index_select(0, indices)) : std::nullopt;
    return ops::deform_ps_roi_pool(maps(hidden[level]).to(rois.dtype()),
                                   rois.index_select(0, indices), level_offset,
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
  return pool_by_level(scales_, rois, [&](size_t level, const at::Tensor& indices) {
    const auto input = maps(hidden[level]).to(rois.dtype());
    const auto level_rois = rois.index_select(0, indices);
    if (options_.pooling == Pooling::roi_align)
      return ops::ps_roi_align(input, level_rois,
                               {.spatial_scale = scales_[level],
                                .pooled_height = k,
                                .pooled_width = k,
                                .sampling_ratio = options_.sampling_ratio});
    return ops::ps_roi_pool(
        input, level_rois,
        {.spatial_scale = scales_[level], .pooled_height = k, .pooled_width = k, .original = true});
  });
}

RoiPredictions PositionSensitiveHead::forward(const std::vector<at::Tensor>& features,
                                              const at::Tensor& rois) {
  const auto hidden = apply_convs(features);
  const auto vote = [&](const ConvUnit& maps, const ConvUnit& offsets) {
    const auto pooled = options_.deformable ? deform_pool(maps, hidden, rois,
                                                          deform_pool(offsets, hidden, rois, {}))
                                            : pool(maps, hidden, rois);
    return pooled.mean({2, 3});
  };
  return {vote(score_maps_, score_offsets_), vote(box_maps_, box_offsets_)};
}

at::Tensor PositionSensitiveHead::offsets(const std::vector<at::Tensor>& features,
                                          const at::Tensor& rois) {
  if (!options_.deformable) return {};
  return kOffsetScale * deform_pool(box_offsets_, apply_convs(features), rois, {});
}

}  // namespace lanner::detectors
