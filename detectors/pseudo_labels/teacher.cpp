#include "lanner/detectors/pseudo_labels/teacher.h"

#include <opencv2/imgproc.hpp>

#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/roi_heads/roi_targets.h"
#include "lanner/ops/boxes.h"

namespace lanner::detectors {
namespace {

constexpr double kMinVisible = 0.25;  // fraction of the area of a box

at::Tensor area(const at::Tensor& boxes) {
  return (boxes.slice(1, 2, 4) - boxes.slice(1, 0, 2)).prod(1);
}

// [K] float: 1 where the teacher moves jittered copies of a box to nearly the same place.
at::Tensor steadiness(Detector& teacher, const Features& features, const RoiBatch& boxes,
                      const at::Tensor& labels, const PseudoLabelOptions& options) {
  const auto count = boxes.rois.size(0);
  const auto ones = torch::ones({count}, boxes.rois.options());
  if (options.jitters == 0 || count == 0) return ones;
  const auto corners = boxes.rois.slice(1, 1, 5);
  const auto sides = corners.slice(1, 2, 4) - corners.slice(1, 0, 2);
  auto copies = boxes.rois.unsqueeze(1).repeat({1, options.jitters, 1});
  copies.slice(2, 1, 5) += torch::randn({count, options.jitters, 4}).to(corners) * options.jitter *
                           sides.repeat({1, 2}).unsqueeze(1);
  const auto rois = copies.view({-1, 5});
  const auto moved = refined_boxes(teacher->predict(features, rois), rois,
                                   labels.repeat_interleave(options.jitters))
                         .view({count, options.jitters, 4});
  const auto spread = moved.std(1).mean(1) / (sides.mean(1));
  return ones * (spread <= options.max_spread);
}

// Background RoIs count as much as the teacher takes them for background.
RoiWeights background_weights(Detector teacher, Features features,
                              std::vector<cv::Matx23d> weak_to_strong) {
  return [=](const RoiTargets& targets) mutable {
    const torch::NoGradGuard no_grad;
    std::vector<at::Tensor> boxes;
    const auto strong = targets.rois.rois.slice(1, 1, 5).split_with_sizes(targets.rois.per_image);
    for (size_t n = 0; n < strong.size(); ++n) {
      cv::Matx23d strong_to_weak;
      cv::invertAffineTransform(weak_to_strong[n], strong_to_weak);
      boxes.push_back(map_boxes(strong[n], strong_to_weak));
    }
    const auto scores = teacher->predict(features, to_rois(boxes).rois).logits.softmax(1);
    return torch::where(targets.labels == 0, scores.select(1, 0),
                        torch::ones_like(scores.select(1, 0)));
  };
}

}  // namespace

at::Tensor map_boxes(const at::Tensor& boxes, const cv::Matx23d& m) {
  const auto x = boxes.index({torch::indexing::Slice(), torch::tensor({0, 2, 0, 2})}),
             y = boxes.index({torch::indexing::Slice(), torch::tensor({1, 1, 3, 3})});
  const auto u = m(0, 0) * x + m(0, 1) * y + m(0, 2), v = m(1, 0) * x + m(1, 1) * y + m(1, 2);
  return torch::stack({u.amin(1), v.amin(1), u.amax(1), v.amax(1)}, 1);
}

PseudoLabels label_views(Detector& teacher, const datasets::ViewPairs& pairs,
                         ClassThresholds& thresholds, const PseudoLabelOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto features = teacher->features(pairs.weak);
  const auto detections = teacher->detect(features, pairs.weak);
  for (const auto& image : detections) thresholds.add(image.labels, image.scores);
  const auto limit = thresholds.all().to(pairs.weak.images.device());
  PseudoLabels result;
  for (const auto& image : detections) {
    const auto keep =
        torch::nonzero(image.scores >= limit.index_select(0, image.labels)).squeeze(1);
    result.boxes.push_back(image.boxes.index_select(0, keep));
    result.labels.push_back(image.labels.index_select(0, keep));
    result.scores.push_back(image.scores.index_select(0, keep));
  }
  const auto rois = to_rois(result.boxes);
  result.steady = steadiness(teacher, features, rois, torch::cat(result.labels), options)
                      .split_with_sizes(rois.per_image);
  if (options.soft_background)
    result.weights = background_weights(teacher, features, pairs.weak_to_strong);
  return result;
}

void set_pseudo_targets(datasets::ViewPairs& pairs, const PseudoLabels& labels) {
  auto& strong = pairs.strong;
  strong.boxes.clear(), strong.labels.clear(), strong.box_weights.clear();
  for (size_t n = 0; n < labels.boxes.size(); ++n) {
    const auto moved = map_boxes(labels.boxes[n], pairs.weak_to_strong[n]);
    const auto inside = ops::clip_boxes(moved, strong.sizes[n].height, strong.sizes[n].width);
    const auto sides = inside.slice(1, 2, 4) - inside.slice(1, 0, 2);
    const auto keep =
        torch::nonzero((sides >= 1).all(1) & (area(inside) >= kMinVisible * area(moved)))
            .squeeze(1);
    strong.boxes.push_back(inside.index_select(0, keep));
    strong.labels.push_back(labels.labels[n].index_select(0, keep));
    strong.box_weights.push_back(labels.steady[n].index_select(0, keep));
  }
}

}  // namespace lanner::detectors
