#include "lanner/detectors/detector.h"

#include "lanner/datasets/error.h"
#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/diffusion/diffusion_head.h"
#include "lanner/detectors/gauges.h"
#include "lanner/detectors/preprocessing.h"
#include "lanner/detectors/quantization/quantized_layer.h"
#include "lanner/detectors/roi_heads/roi_targets.h"
#include "lanner/detectors/rpn/rpn.h"
#include "lanner/ops/cpu_cache.h"

namespace lanner::detectors {
namespace {

// At detection the number of RoIs is a multiple of this: oneDNN prepares, and keeps, kernels for
// each number that it meets.
constexpr int64_t kRoiStep = 10;

const DetectorOptions& validated(const DetectorOptions& options) {
  options.check();
  return options;
}

datasets::Batch to_device_of(const DetectorImpl& detector, datasets::Batch batch) {
  batch.images = batch.images.to(detector.parameters().front().device());
  return batch;
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> Losses::named() const {
  std::vector<std::pair<std::string, at::Tensor>> all{{"loss_classifier", classifier},
                                                      {"loss_box_reg", box_reg}};
  if (objectness.defined()) all.emplace_back("loss_objectness", objectness);
  if (rpn_box_reg.defined()) all.emplace_back("loss_rpn_box_reg", rpn_box_reg);
  return all;
}

at::Tensor Losses::total() const {
  auto sum = classifier + box_reg;
  if (objectness.defined()) sum = sum + objectness;
  if (rpn_box_reg.defined()) sum = sum + rpn_box_reg;
  return sum;
}

DetectorImpl::DetectorImpl(const DetectorOptions& unchecked) : options(validated(unchecked)) {
  const Backbone backbone(options.backbone);
  backbone_ = register_module("backbone", backbone);
  if (options.model == "diffusion") {
    diffusion_ =
        register_module("roi_heads", std::make_shared<DiffusionHeadImpl>(options, *backbone));
  } else {
    rpn_ = register_module("rpn", Rpn(backbone->rpn_channels, options.anchors, options.rpn));
    roi_heads_ = register_module("roi_heads", make_roi_head(options, backbone));
  }
  to(at::kFloat);  // whatever torch.set_default_dtype says
}

Losses DetectorImpl::losses(const datasets::Batch& batch, Gauges* gauges,
                            const RoiWeights& weights) {
  if (has_quantized_layers(*this))
    throw usage_error("a quantized detector detects, and cannot be trained");
  const auto features = backbone_->forward(batch.images);
  if (diffusion_) {
    const auto losses = diffusion_->losses(features.roi, batch);
    return {losses.classifier, losses.box_reg};
  }
  const auto anchor_predictions = rpn_->forward(features.rpn, batch.images);
  const auto rpn = rpn_->losses(anchor_predictions, batch);
  const auto proposals = rpn_->propose(anchor_predictions, batch.sizes);
  auto targets = sample_rois(proposals, batch, options.roi);
  if (weights) targets.weights = weights(targets);
  auto predictions = roi_heads_->forward(features.roi, targets.rois.rois);
  if (gauges) *gauges = measure(proposals, batch.boxes, targets, predictions);
  if (options.roi.sampling == Sampling::ohem)
    select_hard_examples(predictions, targets, options.roi);
  const auto roi = roi_losses(predictions, targets, options.roi);
  return {roi.classifier, roi.box_reg, rpn.objectness, rpn.box_reg};
}

std::vector<Detections> DetectorImpl::detect(const datasets::Batch& batch) {
  const ops::CpuCacheGuard cache_guard;
  return detect(features(batch), batch);
}

Features DetectorImpl::features(const datasets::Batch& batch) {
  const torch::NoGradGuard no_grad;
  return backbone_->forward(batch.images);
}

std::vector<Detections> DetectorImpl::detect(const Features& features,
                                             const datasets::Batch& batch) {
  const torch::NoGradGuard no_grad;
  const ops::CpuCacheGuard cache_guard;
  if (diffusion_) return diffusion_->detect(features.roi, batch);
  const auto proposals = rpn_->propose(rpn_->forward(features.rpn, batch.images), batch.sizes);
  const auto rois = to_rois(proposals);
  return select_detections(predict(features, rois.rois), rois, batch.sizes, batch.original_sizes,
                           options.roi);
}

RoiPredictions DetectorImpl::predict(const Features& features, const at::Tensor& rois) {
  const torch::NoGradGuard no_grad;
  if (!roi_heads_) throw usage_error("model: a diffusion detector has no RoI head");
  const auto count = rois.size(0), missing = (kRoiStep - count % kRoiStep) % kRoiStep;
  const auto all = roi_heads_->forward(features.roi, at::constant_pad_nd(rois, {0, 0, 0, missing}));
  return {all.logits.slice(0, 0, count), all.deltas.slice(0, 0, count)};
}

std::vector<SamplingStep> DetectorImpl::sampling_steps(const datasets::Batch& batch) {
  if (!diffusion_) throw usage_error("model: expected a diffusion detector, got " + options.model);
  std::vector<SamplingStep> steps;
  diffusion_->detect(features(batch).roi, batch, &steps);
  return steps;
}

void DetectorImpl::set_prior(const at::Tensor& boxes) {
  if (diffusion_) diffusion_->set_prior(boxes);
}

SamplingLocations DetectorImpl::sampling_locations(const datasets::Batch& batch,
                                                   const at::Tensor& boxes) {
  const torch::NoGradGuard no_grad;
  const auto rois = to_rois({boxes.to(batch.images.device())}).rois;
  if (!roi_heads_) return {};
  // In C4, stage 4 runs on RoIs, not on the image.
  const int stages = options.backbone.neck == Neck::c4 ? 3 : 4;
  return {backbone_->body->offsets(batch.images, stages),
          roi_heads_->offsets(backbone_->forward(batch.images).roi, rois)};
}

datasets::Batch DetectorImpl::prepare(const std::vector<at::Tensor>& images) const {
  if (images.empty()) throw usage_error("images: expected at least one, got none");
  std::vector<cv::Mat> matrices;
  for (size_t i = 0; i < images.size(); ++i)
    matrices.push_back(
        to_mat(images[i], "images[" + std::to_string(i) + "]", options.resize.interpolation));
  return to_device_of(*this, preprocess(matrices, options));
}

datasets::Batch DetectorImpl::prepare(const cv::Mat& rgb) const {
  if (rgb.type() != CV_8UC3 || rgb.empty())
    throw usage_error("image: expected a non-empty CV_8UC3 matrix, got " +
                      cv::typeToString(rgb.type()) + " of " + std::to_string(rgb.cols) + " x " +
                      std::to_string(rgb.rows));
  return to_device_of(*this, preprocess({rgb}, options));
}

void DetectorImpl::set_targets(datasets::Batch& batch, const std::vector<at::Tensor>& boxes,
                               const std::vector<at::Tensor>& labels) const {
  const auto count = batch.sizes.size();
  if (boxes.size() != count || labels.size() != count)
    throw usage_error(c10::str("targets: expected boxes and labels for each of the ", count,
                               " images, got ", boxes.size(), " and ", labels.size()));
  batch.boxes.clear(), batch.labels.clear();
  const auto device = batch.images.device();
  const auto classes = static_cast<int64_t>(options.categories.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string path = "targets[" + std::to_string(i) + "]";
    const auto box = boxes[i].detach().to(device, torch::kFloat);
    const auto label = labels[i].detach().to(device, torch::kLong);
    if (box.dim() != 2 || box.size(1) != 4)
      throw usage_error(c10::str(path, ".boxes: expected [G, 4], got ", box.sizes()));
    if (label.dim() != 1 || label.size(0) != box.size(0))
      throw usage_error(
          c10::str(path, ".labels: expected [", box.size(0), "], got ", label.sizes()));
    const auto sides = box.slice(1, 2, 4) - box.slice(1, 0, 2);
    const auto invalid_boxes =
        torch::nonzero(~((sides > 0).all(1) & box.isfinite().all(1))).squeeze(1);
    if (invalid_boxes.size(0) > 0) {
      const auto index = invalid_boxes[0].item<int64_t>();
      throw usage_error(c10::str(path, ".boxes[", index,
                                 "]: expected finite x1 < x2 and y1 < y2, got ", box[index]));
    }
    const auto invalid_labels = torch::nonzero((label < 1) | (label > classes)).squeeze(1);
    if (invalid_labels.size(0) > 0) {
      const auto index = invalid_labels[0].item<int64_t>();
      throw usage_error(c10::str(path, ".labels[", index, "]: expected 1..", classes, ", got ",
                                 label[index].item<int64_t>()));
    }
    const double scale_x = static_cast<double>(batch.sizes[i].width) /
                           static_cast<double>(batch.original_sizes[i].width);
    const double scale_y = static_cast<double>(batch.sizes[i].height) /
                           static_cast<double>(batch.original_sizes[i].height);
    batch.boxes.push_back(
        box * torch::tensor({scale_x, scale_y, scale_x, scale_y}, torch::kFloat).to(device));
    batch.labels.push_back(label);
  }
}

}  // namespace lanner::detectors
