#pragma once

#include <torch/torch.h>

#include "lanner/detectors/options.h"
#include "lanner/detectors/rpn.h"

namespace lanner::detectors {

// Where RoIs of all images are pooled from.
struct RoiBatch {
  at::Tensor rois;                 // [K, 5]: batch index, x1, y1, x2, y2 in the pixels of the batch
  std::vector<int64_t> per_image;  // they sum to K
};

struct RoiPredictions {
  at::Tensor logits;  // [K, C + 1]; column 0 is background
  at::Tensor deltas;  // [K, 4 * (C + 1)]
};

// Pools RoIs from a feature pyramid by RoIAlign: a RoI of 224 pixels is read at stride 16, and each
// halving goes a level finer (arXiv 1612.03144, equation 1). scales: feature cells a pixel, of each
// level. Returns [K, channels, size, size].
at::Tensor pool_from_levels(const std::vector<at::Tensor>& features,
                            const std::vector<double>& scales, const at::Tensor& rois, int64_t size,
                            int64_t sampling_ratio);

// Faster R-CNN's RoI head: pooling, two fully connected layers (or convolutions and one, as in
// torchvision's fasterrcnn_resnet50_fpn_v2), scores and boxes; torchvision's names.
class BoxHeadImpl : public torch::nn::Module {
 public:
  // scales: feature cells a pixel, of each level.
  BoxHeadImpl(int64_t channels, const std::vector<double>& scales, int64_t classes,
              const RoiOptions& options);
  RoiPredictions forward(const std::vector<at::Tensor>& features, const RoiBatch& rois);

 private:
  RoiOptions options_;
  std::vector<double> scales_;
  std::vector<torch::nn::Sequential> convs_;
  torch::nn::Linear fc6_{nullptr}, fc7_{nullptr}, cls_score_{nullptr}, bbox_pred_{nullptr};
};
TORCH_MODULE(BoxHead);

}  // namespace lanner::detectors
