#pragma once

#include "lanner/ops/torch.h"

#include <torch/nn/modules/container/sequential.h>

#include <vector>

#include "lanner/datasets/loading/batch.h"
#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/detections.h"
#include "lanner/detectors/diffusion/noise_path.h"
#include "lanner/detectors/diffusion/stage.h"
#include "lanner/detectors/roi_heads/roi_pooling.h"

namespace lanner::detectors {

struct DetectorOptions;

// Scalars: sums over the stages.
struct DiffusionLosses {
  at::Tensor classifier;  // cross entropy
  at::Tensor box_reg;     // L1 and generalized IoU
};

// A step of sampling, for pictures: the boxes that it started from, and what it made of them.
struct SamplingStep {
  double noise;       // sigma of its level
  at::Tensor before;  // [B, 4]: x1, y1, x2, y2 in pixels of the batch, of one image
  at::Tensor after;   // the same
  at::Tensor scores;  // [B]: of each box's best class
};

// The second stage as a denoiser (DiffusionDet, arXiv 2211.09788): boxes begin as noise, and are
// refined level by level. The number of boxes and of levels is chosen when it runs. There is no
// RPN. The same seed gives an image the same boxes in whatever batch it is.
class DiffusionHeadImpl : public torch::nn::Module {
 public:
  // Throws usage_error for options out of range.
  DiffusionHeadImpl(const DetectorOptions& options, const BackboneImpl& backbone);

  // features: as of RoI pooling. Draws levels and noise with torch's default generator, which the
  // batch's seeds, if there are any, seed for each image.
  DiffusionLosses losses(const std::vector<at::Tensor>& features, const datasets::Batch& batch);

  // Detections in pixels of the original images. Fills `steps`, of the first image, where it is
  // given.
  std::vector<Detections> detect(const std::vector<at::Tensor>& features,
                                 const datasets::Batch& batch,
                                 std::vector<SamplingStep>* steps = nullptr);

  // The predictions of every stage for boxes [N * B, 4] of N images, image by image. times: the
  // NoiseLevel::time of each, [N * B], or of all, [1].
  std::vector<StageOutput> run(const std::vector<at::Tensor>& features, const at::Tensor& boxes,
                               const at::Tensor& times);

  // Boxes that training pads with and sampling begins with, where options.diffusion.data_prior is
  // set: [M, 4], cx, cy, w, h as fractions of the image. Stored with the weights.
  void set_prior(const at::Tensor& boxes);

 private:
  at::Tensor encode(const at::Tensor& boxes, const at::Tensor& sizes) const;
  at::Tensor decode(const at::Tensor& x, const at::Tensor& sizes) const;
  at::Tensor padded(const at::Tensor& boxes) const;
  at::Tensor noise(int64_t boxes, const at::Generator& random) const;

  SamplingOptions sampling_;
  DiffusionOptions options_;
  RoiOptions roi_;
  int64_t width_;
  torch::nn::Sequential time_;
  struct PooledStage {
    RoiPooling pooling;
    std::shared_ptr<Stage> stage;
  };
  std::vector<PooledStage> stages_;
  at::Tensor prior_;
};

}  // namespace lanner::detectors
