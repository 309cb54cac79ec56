#include "lanner/detectors/detector.h"

#include "lanner/datasets/batch.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/transforms.h"
#include "lanner/ops/cpu/fresh.h"

namespace lanner::detectors {
namespace {

const DetectorOptions& checked(const DetectorOptions& options) {
  options.check();
  return options;
}

}  // namespace

DetectorImpl::DetectorImpl(const DetectorOptions& given) : options(checked(given)) {
  backbone_ = register_module("backbone", Backbone(options.backbone));
  rpn_ = register_module("rpn", Rpn(backbone_->rpn_channels, options.anchors, options.rpn));
  roi_heads_ = register_module("roi_heads", make_roi_head(options, backbone_));
}

Losses DetectorImpl::losses(const datasets::Batch& batch) {
  const auto features = backbone_->forward(batch.images);
  const auto anchors = rpn_->forward(features.rpn, batch.images);
  const auto rpn = rpn_->losses(anchors, batch.boxes);
  const auto proposals = rpn_->propose(anchors, batch.sizes);
  auto targets = sample_rois(proposals, batch.boxes, batch.labels, options.roi);
  auto predictions = roi_heads_->forward(features.roi, targets.rois.rois);
  if (options.roi.sampling == Sampling::ohem) keep_hardest(predictions, targets, options.roi);
  const auto roi = roi_losses(predictions, targets, options.roi);
  return {roi.classifier, roi.box_reg, rpn.objectness, rpn.box_reg};
}

std::vector<Detections> DetectorImpl::detect(const datasets::Batch& batch) {
  const torch::NoGradGuard no_grad;
  const ops::KeepMemory keep;
  const auto features = backbone_->forward(batch.images);
  const auto proposals = rpn_->propose(rpn_->forward(features.rpn, batch.images), batch.sizes);
  const auto rois = to_rois(proposals);
  const auto predictions = roi_heads_->forward(features.roi, rois.rois);
  return select_detections(predictions, rois, batch.sizes, batch.original_sizes, options.roi);
}

SamplingPlaces DetectorImpl::sampling(const datasets::Batch& batch, const at::Tensor& boxes) {
  const torch::NoGradGuard no_grad;
  const auto rois = to_rois({boxes.to(batch.images.device())}).rois;
  // C4's stage 4 runs on RoIs, not on the image.
  const int stages = options.backbone.neck == Neck::c4 ? 3 : 4;
  return {backbone_->body->offsets(batch.images, stages),
          roi_heads_->offsets(backbone_->forward(batch.images).roi, rois)};
}

datasets::Batch DetectorImpl::prepare(const std::vector<at::Tensor>& images) const {
  if (images.empty()) throw usage_error("images: expected at least one, got none");
  datasets::Batch batch;
  std::vector<at::Tensor> resized;
  int64_t height = 0, width = 0;
  const auto device = parameters().front().device();
  const auto& n = options.normalisation;
  const auto colour = [&](const std::array<float, 3>& values) {
    return torch::tensor({values[0], values[1], values[2]}, device).view({3, 1, 1});
  };
  const auto mean = colour(n.mean), std = colour(n.std);
  for (size_t i = 0; i < images.size(); ++i) {
    const auto& image = images[i];
    if (image.dim() != 3 || image.size(0) != 3 || image.numel() == 0 || !image.is_floating_point())
      throw usage_error("images[" + std::to_string(i) +
                        "]: expected a float tensor [3, H, W] in 0..1, got " +
                        c10::str(image.scalar_type(), " ", image.sizes()));
    const datasets::ImageSize original{image.size(1), image.size(2)};
    const auto size = datasets::resized(original, options.resize);
    const auto normal = ((image.to(device, torch::kFloat) - mean) / std).unsqueeze(0);
    resized.push_back(at::upsample_bilinear2d(normal, {size.height, size.width}, false)[0]);
    batch.sizes.push_back(size);
    batch.original_sizes.push_back(original);
    height = std::max(height, (size.height + 31) / 32 * 32);
    width = std::max(width, (size.width + 31) / 32 * 32);
  }
  const auto count = static_cast<int64_t>(images.size());
  batch.images =
      torch::zeros({count, 3, height, width}, device).contiguous(at::MemoryFormat::ChannelsLast);
  for (int64_t i = 0; i < count; ++i)
    batch.images[i]
        .slice(1, 0, batch.sizes[i].height)
        .slice(2, 0, batch.sizes[i].width)
        .copy_(resized[i]);
  return batch;
}

void DetectorImpl::set_targets(datasets::Batch& batch, const std::vector<at::Tensor>& boxes,
                               const std::vector<at::Tensor>& labels) const {
  const auto count = batch.sizes.size();
  if (boxes.size() != count || labels.size() != count)
    throw usage_error(
        c10::str("targets: expected one for each of the ", count, " images, got ", boxes.size()));
  const auto device = batch.images.device();
  const auto classes = static_cast<int64_t>(options.categories.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string where = "targets[" + std::to_string(i) + "]";
    const auto box = boxes[i].detach().to(device, torch::kFloat);
    const auto label = labels[i].detach().to(device, torch::kLong);
    if (box.dim() != 2 || box.size(1) != 4)
      throw usage_error(c10::str(where, ".boxes: expected [G, 4], got ", box.sizes()));
    if (label.dim() != 1 || label.size(0) != box.size(0))
      throw usage_error(
          c10::str(where, ".labels: expected [", box.size(0), "], got ", label.sizes()));
    const auto sides = box.slice(1, 2, 4) - box.slice(1, 0, 2);
    const auto bad = torch::nonzero(~((sides > 0).all(1) & box.isfinite().all(1))).squeeze(1);
    if (bad.size(0) > 0)
      throw usage_error(c10::str(where, ".boxes[", bad[0].item<int64_t>(),
                                 "]: expected finite x1 < x2 and y1 < y2, got ",
                                 box[bad[0].item<int64_t>()]));
    const auto strange = torch::nonzero((label < 1) | (label > classes)).squeeze(1);
    if (strange.size(0) > 0)
      throw usage_error(c10::str(where, ".labels[", strange[0].item<int64_t>(), "]: expected 1..",
                                 classes, ", got ",
                                 label[strange[0].item<int64_t>()].item<int64_t>()));
    const double x = static_cast<double>(batch.sizes[i].width) /
                     static_cast<double>(batch.original_sizes[i].width);
    const double y = static_cast<double>(batch.sizes[i].height) /
                     static_cast<double>(batch.original_sizes[i].height);
    batch.boxes.push_back(box * torch::tensor({x, y, x, y}, torch::kFloat).to(device));
    batch.labels.push_back(label);
  }
}

}  // namespace lanner::detectors
