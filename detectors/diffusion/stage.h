#pragma once

#include "lanner/ops/torch.h"

#include <torch/nn/modules/linear.h>

#include "lanner/ops/api.h"

namespace lanner::detectors {

// What a stage makes of K boxes.
struct StageOutput {
  at::Tensor logits;   // [K, C + 1]: of a softmax; 0 is background
  at::Tensor boxes;    // [K, 4]: x1, y1, x2, y2 in pixels of the batch
  at::Tensor queries;  // [K, width]: for the next stage; undefined of a plain one
};

// One of the networks in a row of the diffusion head (after arXiv 2211.09788, section 3).
class LANNER_API Stage : public torch::nn::Module {
 public:
  // pooled: [K, width, s, s] of images with K / images boxes each; boxes: [K, 4]; queries:
  // [K, width], or undefined; time: [K, 4 * width], or [1, 4 * width] for all.
  // Overwrites `pooled` where there are no gradients.
  virtual StageOutput forward(const at::Tensor& pooled, const at::Tensor& boxes,
                              const at::Tensor& queries, const at::Tensor& time,
                              int64_t images) = 0;
};

// Classes, and boxes by how far they move.
class LANNER_API BoxMoverImpl : public torch::nn::Module {
 public:
  // width: of the features.
  BoxMoverImpl(int64_t width, int64_t classes);
  // features: [K, width]; boxes: [K, 4]. Leaves the queries undefined.
  StageOutput forward(const at::Tensor& features, const at::Tensor& boxes);

 private:
  torch::nn::Linear cls_score_, bbox_pred_;
};
TORCH_MODULE(BoxMover);

// The two layers of Faster R-CNN's head alone: brings boxes near at a fraction of the cost, and
// passes no queries on.
class LANNER_API PlainStage : public Stage {
 public:
  // width: of the features; area: positions of a RoI; head_width: of the two layers.
  PlainStage(int64_t width, int64_t classes, int64_t area, int64_t head_width);
  StageOutput forward(const at::Tensor& pooled, const at::Tensor& boxes, const at::Tensor& queries,
                      const at::Tensor& time, int64_t images) override;

 private:
  torch::nn::Linear fc6_, fc7_;
  BoxMover box_predictor_;
};

}  // namespace lanner::detectors
