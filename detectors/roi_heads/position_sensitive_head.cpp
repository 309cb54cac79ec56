#include "lanner/detectors/roi_heads/position_sensitive_head.h"

#include "lanner/ops/deform_roi_pool.h"
#include "lanner/ops/ps_roi_align.h"
#include "lanner/ops/ps_roi_pool.h"

namespace lanner::detectors {
namespace {

constexpr double kGamma = 0.1;  // of the RoI's size, that an offset of 1 moves a bin by

}  // namespace

PositionSensitiveHead::PositionSensitiveHead(const BackboneImpl& backbone, int64_t classes,
                                             const RoiOptions& options)
    : options_(options), scale_(backbone.roi_scales[0]) {
  const auto maps = [&](const char* name, int64_t channels, double deviation) {
    const int64_t bins = options.pooled_size * options.pooled_size;
    torch::nn::Conv2d conv(torch::nn::Conv2dOptions(backbone.roi_channels, channels * bins, 1));
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

at::Tensor PositionSensitiveHead::pool(const at::Tensor& maps, const at::Tensor& rois,
                                       const at::Tensor& offset) const {
  return ops::deform_ps_roi_pool(maps.to(rois.dtype()), rois,
                                 offset.defined() ? std::optional(offset) : std::nullopt,
                                 {.spatial_scale = scale_,
                                  .pooled_height = options_.pooled_size,
                                  .pooled_width = options_.pooled_size,
                                  .group_size = options_.pooled_size,
                                  .trans_std = kGamma});
}

at::Tensor PositionSensitiveHead::vote(const at::Tensor& maps, const at::Tensor& rois,
                                       const at::Tensor& offset) const {
  const int64_t k = options_.pooled_size;
  const auto input = maps.to(rois.dtype());
  at::Tensor pooled;
  if (offset.defined())
    pooled = pool(input, rois, offset);
  else if (options_.pooling == Pooling::roi_align)
    pooled = ops::ps_roi_align(input, rois,
                               {.spatial_scale = scale_,
                                .pooled_height = k,
                                .pooled_width = k,
                                .sampling_ratio = options_.sampling_ratio});
  else
    pooled = ops::ps_roi_pool(
        input, rois,
        {.spatial_scale = scale_, .pooled_height = k, .pooled_width = k, .original = true});
  return pooled.mean({2, 3});
}

RoiPredictions PositionSensitiveHead::forward(const std::vector<at::Tensor>& features,
                                              const at::Tensor& rois) {
  const auto& x = features[0];
  at::Tensor score_offset, box_offset;
  if (options_.deformable) {
    score_offset = pool(score_offsets_(x), rois, {});
    box_offset = pool(box_offsets_(x), rois, {});
  }
  return {vote(score_maps_(x), rois, score_offset), vote(box_maps_(x), rois, box_offset)};
}

at::Tensor PositionSensitiveHead::offsets(const std::vector<at::Tensor>& features,
                                          const at::Tensor& rois) {
  return options_.deformable ? kGamma * pool(box_offsets_(features[0]), rois, {}) : at::Tensor();
}

}  // namespace lanner::detectors
