#pragma once

#include "lanner/ops/torch.h"

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "lanner/detectors/diffusion/options.h"
#include "lanner/detectors/diffusion/stage.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// The dynamic convolution of Sparse R-CNN (arXiv 2011.12450, section 3): each box has weights of
// its own, made from its query, for two 1x1 convolutions over its pooled features. Unlike there,
// what they make of the features is added to them, and is zero at first.
class LANNER_API DynamicConvImpl : public torch::nn::Module {
 public:
  // width: of queries and features; inner: channels between the convolutions.
  DynamicConvImpl(int64_t width, int64_t inner);
  // queries: [K, width]; features: [K, area, width], overwritten where there are no gradients.
  // Returns [K, area, width].
  at::Tensor forward(const at::Tensor& queries, const at::Tensor& features);

 private:
  int64_t width_, inner_;
  torch::nn::Linear weights_;
  torch::nn::LayerNorm inner_norm_;
};
TORCH_MODULE(DynamicConv);

// Attention among the boxes of an image, a dynamic convolution over each box's features, and the
// two layers of Faster R-CNN's head, of which the second reads the box's query and the level of
// noise, too. The query's layers are normalized before and added after (arXiv 2002.04745), and add
// nothing at first (2212.09748, section 3.2).
class LANNER_API BoxStage : public Stage {
 public:
  // width: of the features and queries; area: positions of a RoI; head_width: of fc6 and fc7.
  BoxStage(int64_t width, int64_t classes, int64_t area, int64_t head_width,
           const DiffusionOptions& options);
  StageOutput forward(const at::Tensor& pooled, const at::Tensor& boxes, const at::Tensor& queries,
                      const at::Tensor& time, int64_t images) override;

 private:
  at::Tensor attend(const at::Tensor& queries);

  int64_t heads_;
  torch::nn::Linear in_proj_, out_proj_;
  DynamicConv dynamic_;
  torch::nn::Linear fc6_, reduce_, linear1_, linear2_, modulation_, fc7_;
  BoxMover box_predictor_;
  torch::nn::LayerNorm norm1_, norm2_, norm3_;
};

}  // namespace lanner::detectors
