#pragma once

#include "lanner/ops/torch.h"

#include <functional>
#include <opencv2/core/mat.hpp>

#include "lanner/datasets/loading/batch.h"
#include "lanner/detectors/detections.h"
#include "lanner/detectors/options.h"
#include "lanner/detectors/sampling_locations.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

class BackboneImpl;
class DiffusionHeadImpl;
class RpnImpl;
class RoiHead;
struct Features;
struct Gauges;
struct RoiPredictions;
struct RoiTargets;
struct SamplingStep;

// The losses of a training step: scalars with gradients.
struct LANNER_API Losses {
  at::Tensor classifier, box_reg;          // second stage
  at::Tensor objectness{}, rpn_box_reg{};  // RPN; undefined where there is none
  // Those that are defined, as "loss_classifier" and so on.
  std::vector<std::pair<std::string, at::Tensor>> named() const;
  at::Tensor total() const;
};

// Returns the weights of sampled RoIs in the classification loss: [K] float.
using RoiWeights = std::function<at::Tensor(const RoiTargets&)>;

// A two-stage detector: Faster R-CNN (arXiv 1506.01497) or R-FCN (arXiv 1605.06409), which differ
// in their RoI head; or a diffusion box head (after arXiv 2211.09788) in place of both stages.
//
// A new detector is in training mode. In training mode, batch norms use the statistics of the
// batch; after eval() they use their running statistics. No method below changes the mode.
//
// Thread safety: in evaluation mode, several threads may call prepare() and detect() on one
// detector at once. losses() and whatever changes the detector (train(), eval(), to(), loading
// weights) must not run concurrently with any other call.
class LANNER_API DetectorImpl : public torch::nn::Module {
 public:
  // Initializes the weights with torch's default generator. Throws usage_error if the options are
  // out of range or contradict each other.
  explicit DetectorImpl(const DetectorOptions& options);

  // Computes the losses of a batch on the detector's device, as returned by prepare() or a loader,
  // with targets: boxes [Gi, 4] in pixels of the batch, labels [Gi] in 1..C. Samples anchors and
  // RoIs with torch's default generator. Fills `gauges` where it is given. All sampled RoIs have
  // the same weight, unless `weights` says otherwise.
  Losses losses(const datasets::Batch& batch, Gauges* gauges = nullptr,
                const RoiWeights& weights = {});

  // Returns the detections of each image of a batch on the detector's device, in descending order
  // of score, with boxes in pixels of the original images. Records no gradients.
  std::vector<Detections> detect(const datasets::Batch& batch);

  // The stages of detect(), for callers that need what lies between them. Record no gradients.
  // rois: [K, 5], batch index, x1, y1, x2, y2 in pixels of the batch.
  Features features(const datasets::Batch& batch);
  std::vector<Detections> detect(const Features& features, const datasets::Batch& batch);
  // Not of a diffusion detector, which has no RoI head: throws usage_error.
  RoiPredictions predict(const Features& features, const at::Tensor& rois);

  // The steps in which a diffusion detector samples the boxes of a batch's first image. Throws
  // usage_error for another detector. Records no gradients.
  std::vector<SamplingStep> sampling_steps(const datasets::Batch& batch);

  // Tells a diffusion detector with options.diffusion.data_prior where objects are. boxes: [M, 4],
  // cx, cy, w, h as fractions of the image. Does nothing for others.
  void set_prior(const at::Tensor& boxes);

  // Returns the sampling locations for a batch of one image. boxes: [K, 4], x1, y1, x2, y2 in
  // pixels of the batch, for deformable RoI pooling. Records no gradients.
  SamplingLocations sampling_locations(const datasets::Batch& batch, const at::Tensor& boxes);

  // Converts images of any sizes to a batch on the detector's device; see preprocessing.h. Tensors
  // are [3, H, W], RGB, uint8 or float in 0..1; a matrix is CV_8UC3, RGB. Throws usage_error for
  // other images and for an empty list.
  datasets::Batch prepare(const std::vector<at::Tensor>& images) const;
  datasets::Batch prepare(const cv::Mat& rgb) const;

  // Adds targets to a batch from prepare(). boxes: [Gi, 4], x1, y1, x2, y2 in pixels of the
  // original images; labels: [Gi] int64 in 1..C; one of each per image. Throws usage_error naming
  // the target that has a wrong shape, a box that is empty or not finite, or a label out of range.
  void set_targets(datasets::Batch& batch, const std::vector<at::Tensor>& boxes,
                   const std::vector<at::Tensor>& labels) const;

  const DetectorOptions options;

 private:
  std::shared_ptr<BackboneImpl> backbone_;
  std::shared_ptr<RpnImpl> rpn_;
  std::shared_ptr<RoiHead> roi_heads_;
  std::shared_ptr<DiffusionHeadImpl> diffusion_;  // in place of the two above
};
TORCH_MODULE(Detector);

}  // namespace lanner::detectors
