#pragma once

#include <torch/torch.h>

#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/roi_heads/roi_targets.h"
#include "lanner/detectors/rpn.h"

namespace lanner::detectors {

struct Losses {
  at::Tensor classifier, box_reg, objectness, rpn_box_reg;  // scalars
  at::Tensor total() const { return classifier + box_reg + objectness + rpn_box_reg; }
};

// Where a detector's deformable layers sample.
struct SamplingPlaces {
  std::vector<SamplingOffsets> convolutions;  // in the network's order
  at::Tensor bins;  // [K, 2, bins, bins]: how far, x then y, pooling's bins are moved, as fractions
                    // of the RoI's size; undefined where pooling is plain
};

// A two-stage detector: Faster R-CNN (arXiv 1506.01497) or R-FCN (arXiv 1605.06409), which differ
// in their RoI head.
class DetectorImpl : public torch::nn::Module {
 public:
  // Throws usage_error where the options contradict each other. Weights are drawn from torch's
  // generator.
  explicit DetectorImpl(const DetectorOptions& options);

  // Both take a batch on the detector's device, as `prepare` or a loader makes it, and neither
  // changes the mode: batch norms use the batch's statistics after train(), which a new detector is
  // in, and their own after eval().
  // Of a batch with targets; its boxes are in the pixels of the batch. Draws RoIs and anchors.
  Losses losses(const datasets::Batch& batch);
  // Best first, boxes in the pixels of the original images. Makes no gradients.
  std::vector<Detections> detect(const datasets::Batch& batch);

  // For one image, and boxes [K, 4] on it in the pixels of the batch.
  SamplingPlaces sampling(const datasets::Batch& batch, const at::Tensor& boxes);

  // Images [3, H, W], RGB float 0..1, of any sizes, as a batch: normalised, resized, padded.
  datasets::Batch prepare(const std::vector<at::Tensor>& images) const;

  // Gives a prepared batch its targets, in the pixels of the original images. boxes: [Gi, 4],
  // labels: [Gi] int64 in 1..C, one of each an image. Throws usage_error naming what does not fit:
  // shapes, boxes without area or not finite, labels out of range.
  void set_targets(datasets::Batch& batch, const std::vector<at::Tensor>& boxes,
                   const std::vector<at::Tensor>& labels) const;

  const DetectorOptions options;

 private:
  Backbone backbone_{nullptr};
  Rpn rpn_{nullptr};
  std::shared_ptr<RoiHead> roi_heads_;
};
TORCH_MODULE(Detector);

}  // namespace lanner::detectors
