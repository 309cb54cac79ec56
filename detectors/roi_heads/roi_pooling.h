#pragma once

#include "lanner/ops/torch.h"

#include <functional>
#include <optional>
#include <vector>

#include "lanner/detectors/roi_heads/options.h"
#include "lanner/ops/roi_align.h"

namespace lanner::detectors {

// Assigns RoIs to the levels of a pyramid by their size and pools them level by level: a RoI of
// 224 pixels is pooled at stride 16, and each halving of its size selects the next finer level
// (arXiv 1612.03144, equation 1). scales: 1 / stride of each level, finest first; rois: [K, 5].
// `pool` is called with a level and the indices [k] of its RoIs, and returns [k, ..]. Returns [K,
// ..] in the order of `rois`.
at::Tensor pool_by_level(
    const std::vector<double>& scales, const at::Tensor& rois,
    const std::function<at::Tensor(size_t level, const at::Tensor& indices)>& pool);

// The layout in which the pooled RoIs are read, and how the layer that reads them quantizes them.
struct PooledReader {
  at::MemoryFormat format = at::MemoryFormat::ChannelsLast;
  std::optional<ops::Affine> affine{};
};

// RoIAlign (arXiv 1703.06870) or RoIPool (arXiv 1504.08083) from one level or a pyramid. Deformable
// pooling (arXiv 1703.06211, section 2.2) pools twice: a fully connected layer, initialized to 0,
// predicts the offsets of the bins of the second pass from the result of the first.
class RoiPoolingImpl : public torch::nn::Module {
 public:
  // scales: 1 / stride of each level, finest first; size: number of bins per axis.
  RoiPoolingImpl(int64_t channels, const std::vector<double>& scales, int64_t size,
                 const RoiOptions& options);

  // features: [N, channels, Hi, Wi] per level; rois: [K, 5], batch index, x1, y1, x2, y2 in pixels
  // of the batch. Returns [K, channels, size, size]. `reader` says how the caller reads it, and is
  // a hint: without it, and with gradients, the result is float in the format of the features.
  at::Tensor forward(const std::vector<at::Tensor>& features, const at::Tensor& rois,
                     const PooledReader& reader = {});

  // Returns the offsets of the bins, [K, 2, size, size], horizontal then vertical, as fractions of
  // the RoI's size. Undefined if the pooling is not deformable.
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois);

 private:
  at::Tensor pool(const std::vector<at::Tensor>& features, const at::Tensor& rois,
                  const at::Tensor& offset, const PooledReader& reader) const;
  at::Tensor pool_level(const at::Tensor& features, double scale, const at::Tensor& rois,
                        const at::Tensor& offset) const;
  // Offsets before they are multiplied by kOffsetScale.
  at::Tensor predict_offset(const std::vector<at::Tensor>& features, const at::Tensor& rois);

  std::vector<double> scales_;
  int64_t size_;
  RoiOptions options_;
  torch::nn::Linear offset_{nullptr};
};
TORCH_MODULE(RoiPooling);

}  // namespace lanner::detectors
