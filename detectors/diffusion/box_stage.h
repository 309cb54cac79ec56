#pragma once

#include "lanner/ops/torch.h"

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "lanner/detectors/diffusion/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// The dynamic convolution of Sparse R-CNN (arXiv 2011.12450, section 3): each box has weights of
// its own, made from its query, for two 1x1 convolutions over its pooled features. Unlike there,
// the features are added to what the convolutions make of them.
class LANNER_API DynamicConvImpl : public torch::nn::Module {
 public:
  // width: of queries and features; inner: channels between the convolutions; area: positions.
  DynamicConvImpl(int64_t width, int64_t inner, int64_t area);
  // queries: [K, width]; features: [K, area, width]. Returns [K, width].
  at::Tensor forward(const at::Tensor& queries, const at::Tensor& features);

 private:
  int64_t width_, inner_;
  torch::nn::Linear weights_, out_;
  torch::nn::LayerNorm inner_norm_, position_norm_, out_norm_;
};
TORCH_MODULE(DynamicConv);

// What a stage makes of K boxes.
struct StageOutput {
  at::Tensor logits;   // [K, C]: of a sigmoid for each class
  at::Tensor boxes;    // [K, 4]: x1, y1, x2, y2 in pixels of the batch
  at::Tensor queries;  // [K, width]: for the next stage
};

// One of the networks in a row of the diffusion head (arXiv 2211.09788, section 3): attention among
// the boxes of an image, a dynamic convolution over each box's features, a feed-forward layer, and
// predictions that depend on the level of noise.
class LANNER_API BoxStageImpl : public torch::nn::Module {
 public:
  BoxStageImpl(int64_t width, int64_t classes, int64_t area, const DiffusionOptions& options);
  // pooled: [K, width, s, s] of images with K / images boxes each; boxes: [K, 4]; queries:
  // [K, width], undefined in the first stage; time: [K, 4 * width], or [1, 4 * width] for all.
  StageOutput forward(const at::Tensor& pooled, const at::Tensor& boxes, at::Tensor queries,
                      const at::Tensor& time, int64_t images);

 private:
  at::Tensor attend(const at::Tensor& queries);

  int64_t heads_;
  torch::nn::Linear in_, attended_, grow_, shrink_, modulation_, cls_score_, bbox_pred_;
  DynamicConv dynamic_;
  torch::nn::LayerNorm norm1_, norm2_, norm3_;
  torch::nn::Sequential cls_layer_, box_layers_;
};
TORCH_MODULE(BoxStage);

}  // namespace lanner::detectors
