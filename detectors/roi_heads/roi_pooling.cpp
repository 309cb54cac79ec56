#include "lanner/detectors/roi_heads/roi_pooling.h"

#include <algorithm>
#include <cmath>

#include "lanner/detectors/quantization/int8.h"
#include "lanner/detectors/roi_heads/linear.h"
#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/ops/deform_roi_pool.h"
#include "lanner/ops/roi_align.h"
#include "lanner/ops/roi_pool.h"

namespace lanner::detectors {

namespace {

// The level of each RoI: [K] int64.
at::Tensor levels_of(const at::Tensor& rois, const std::vector<double>& scales) {
  const double finest = -std::log2(scales.front()), coarsest = -std::log2(scales.back());
  const auto area =
      (rois.select(1, 3) - rois.select(1, 1)) * (rois.select(1, 4) - rois.select(1, 2));
  const auto levels =
      ((area.sqrt() / 224).log2() + (4 + 1e-6)).floor().nan_to_num(0).clamp(finest, coarsest) -
      finest;
  return levels.to(at::kLong);
}

}  // namespace

at::Tensor pool_by_level(
    const std::vector<double>& scales, const at::Tensor& rois,
    const std::function<at::Tensor(size_t level, const at::Tensor& indices)>& pool) {
  const auto all = torch::arange(rois.size(0), rois.options().dtype(torch::kLong));
  if (scales.size() == 1 || rois.size(0) == 0) return pool(0, all);
  const auto levels = levels_of(rois, scales);
  std::vector<at::Tensor> pooled, order;
  for (size_t level = 0; level < scales.size(); ++level) {
    const auto indices = torch::nonzero(levels == static_cast<int64_t>(level)).squeeze(1);
    if (indices.size(0) == 0) continue;
    pooled.push_back(pool(level, indices));
    order.push_back(indices);
  }
  if (pooled.size() == 1) return pooled[0];
  // Restore the order of the RoIs.
  return torch::cat(pooled).index_select(0, torch::cat(order).argsort());
}

RoiPoolingImpl::RoiPoolingImpl(int64_t channels, const std::vector<double>& scales, int64_t size,
                               const RoiOptions& options)
    : scales_(scales), size_(size), options_(options) {
  if (!options.deformable) return;
  offset_ = register_module("offset", torch::nn::Linear(channels * size * size, 2 * size * size));
  torch::nn::init::zeros_(offset_->weight);
  torch::nn::init::zeros_(offset_->bias);
}

at::Tensor RoiPoolingImpl::pool_level(const at::Tensor& features, double scale,
                                      const at::Tensor& rois, const at::Tensor& offset) const {
  // Pool in float: bfloat16 would round coordinates around 500 to multiples of two pixels.
  const auto input = dequantized(features).to(rois.dtype());
  const bool align = options_.pooling == Pooling::roi_align;
  if (offset.defined() && align)
    return ops::deform_roi_pool(input, rois, offset,
                                {.spatial_scale = scale,
                                 .pooled_height = size_,
                                 .pooled_width = size_,
                                 .sampling_ratio = options_.sampling_ratio,
                                 .gamma = kOffsetScale});
  if (offset.defined())
    return ops::deform_ps_roi_pool(input, rois, offset,
                                   {.spatial_scale = scale,
                                    .pooled_height = size_,
                                    .pooled_width = size_,
                                    .trans_std = kOffsetScale});
  if (align)
    return ops::roi_align(input, rois,
                          {.spatial_scale = scale,
                           .pooled_height = size_,
                           .pooled_width = size_,
                           .sampling_ratio = options_.sampling_ratio,
                           .aligned = false});
  return ops::roi_pool(input, rois,
                       {.spatial_scale = scale, .pooled_height = size_, .pooled_width = size_});
}

at::Tensor RoiPoolingImpl::pool(const std::vector<at::Tensor>& features, const at::Tensor& rois,
                                const at::Tensor& offset, const PooledReader& reader) const {
  if (!offset.defined() && options_.pooling == Pooling::roi_align && !at::GradMode::is_enabled() &&
      rois.scalar_type() == at::kFloat &&
      std::all_of(features.begin(), features.end(), ops::is_roi_align_level))
    return ops::roi_align_levels(
        features, scales_, rois, levels_of(rois, scales_),
        {.pooled_height = size_, .pooled_width = size_, .sampling_ratio = options_.sampling_ratio},
        reader.format, reader.affine);
  return pool_by_level(scales_, rois, [&](size_t level, const at::Tensor& indices) {
    return pool_level(features[level], scales_[level], rois.index_select(0, indices),
                      offset.defined() ? offset.index_select(0, indices) : offset);
  });
}

at::Tensor RoiPoolingImpl::predict_offset(const std::vector<at::Tensor>& features,
                                          const at::Tensor& rois) {
  const auto pooled = pool(features, rois, {}, {at::MemoryFormat::Contiguous});
  return linear(offset_, pooled.flatten(1), false).to(rois.dtype()).view({-1, 2, size_, size_});
}

at::Tensor RoiPoolingImpl::forward(const std::vector<at::Tensor>& features, const at::Tensor& rois,
                                   const PooledReader& reader) {
  return pool(features, rois, offset_.is_empty() ? at::Tensor() : predict_offset(features, rois),
              reader);
}

at::Tensor RoiPoolingImpl::offsets(const std::vector<at::Tensor>& features,
                                   const at::Tensor& rois) {
  return offset_.is_empty() ? at::Tensor() : kOffsetScale * predict_offset(features, rois);
}

}  // namespace lanner::detectors
