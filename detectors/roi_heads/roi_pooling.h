#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "lanner/detectors/options.h"

namespace lanner::detectors {

// Pools each RoI from its level of a pyramid: one of 224 pixels is read at stride 16, and each
// halving goes a level finer (arXiv 1612.03144, equation 1). scales: feature cells a pixel, of each
// level; rois: [K, 5]. pool gives the RoIs `chosen` (indices, [k]) of a level; the results, [K,
// ..], come in the order of the RoIs.
at::Tensor pool_by_level(
    const std::vector<double>& scales, const at::Tensor& rois,
    const std::function<at::Tensor(size_t level, const at::Tensor& chosen)>& pool);

// RoIAlign or RoIPool, from one level or a pyramid. Deformable pooling pools, takes from that the
// offsets of the bins by a fully connected layer that is zero at first, and pools again (arXiv
// 1703.06211, section 2.2).
class RoiPoolingImpl : public torch::nn::Module {
 public:
  // scales: feature cells a pixel, of each level; size: bins on each axis.
  RoiPoolingImpl(int64_t channels, const std::vector<double>& scales, int64_t size,
                 const RoiOptions& options);

  // rois: [K, 5]: batch index, x1, y1, x2, y2 in the pixels of the batch. Returns float
  // [K, channels, size, size].
  at::Tensor forward(const std::vector<at::Tensor>& features, const at::Tensor& rois);

  // [K, 2, size, size], horizontal then vertical, as fractions of the RoI's size; undefined where
  // pooling is plain.
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois);

 private:
  at::Tensor pool(const std::vector<at::Tensor>& features, const at::Tensor& rois,
                  const at::Tensor& offset) const;
  at::Tensor pool_level(const at::Tensor& features, double scale, const at::Tensor& rois,
                        const at::Tensor& offset) const;
  at::Tensor given(const std::vector<at::Tensor>& features, const at::Tensor& rois);

  std::vector<double> scales_;
  int64_t size_;
  RoiOptions options_;
  torch::nn::Linear offset_{nullptr};
};
TORCH_MODULE(RoiPooling);

}  // namespace lanner::detectors
