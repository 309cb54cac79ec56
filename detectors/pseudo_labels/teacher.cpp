#include "lanner/detectors/pseudo_labels/teacher.h"

#include <opencv2/imgproc.hpp>

#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/roi_heads/roi_targets.h"
#include "lanner/ops/boxes.h"

namespace lanner::detectors {
namespace {

constexpr double kMinVisible = 0.25;  // fraction of the area of a box

at::Tensor box_area(const at::Tensor& boxes) {
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

// Background RoIs count as much as the teacher takes them for background, in each weak view that is
// seen where they are.
RoiWeights background_weights(Detector teacher, Features features,
                              std::vector<std::vector<datasets::ViewPart>> parts) {
  return [=](const RoiTargets& targets) mutable {
    const torch::NoGradGuard no_grad;
    std::vector<at::Tensor> rois, indices;
    const auto& all = targets.rois.rois;
    const auto view = all.select(1, 0), center_x = (all.select(1, 1) + all.select(1, 3)) / 2,
               center_y = (all.select(1, 2) + all.select(1, 4)) / 2;
    for (size_t n = 0; n < parts.size(); ++n) {
      for (const auto& [weak, map, area] : parts[n]) {
        const auto here = (targets.labels == 0) & (view == static_cast<double>(n)) &
                          (center_x >= area.x) & (center_x < area.br().x) & (center_y >= area.y) &
                          (center_y < area.br().y);
        indices.push_back(torch::nonzero(here).squeeze(1));
        cv::Matx23d strong_to_weak;
        cv::invertAffineTransform(map, strong_to_weak);
        const auto boxes =
            map_boxes(all.index_select(0, indices.back()).slice(1, 1, 5), strong_to_weak);
        rois.push_back(torch::cat({torch::full_like(boxes.slice(1, 0, 1), weak), boxes}, 1));
      }
    }
    const auto scores =
        teacher->predict(features, torch::cat(rois)).logits.softmax(1).select(1, 0).to(all);
    return torch::ones_like(view).scatter_reduce(0, torch::cat(indices), scores, "amin");
  };
}

// Boxes inside an area, and whether at least a pixel a side and a quarter of them are.
std::pair<at::Tensor, at::Tensor> clipped(const at::Tensor& boxes, const cv::Rect& area) {
  const auto corner = torch::tensor({area.x, area.y, area.x, area.y}).to(boxes);
  const auto inside = ops::clip_boxes(boxes - corner, area.height, area.width) + corner;
  const auto sides = inside.slice(1, 2, 4) - inside.slice(1, 0, 2);
  return {inside,
          torch::nonzero((sides >= 1).all(1) & (box_area(inside) >= kMinVisible * box_area(boxes)))
              .squeeze(1)};
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
  thresholds.add(detections);
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
  if (options.soft_background) result.weights = background_weights(teacher, features, pairs.parts);
  return result;
}

void set_pseudo_targets(datasets::ViewPairs& pairs, const PseudoLabels& labels) {
  auto& strong = pairs.strong;
  strong.boxes.clear(), strong.labels.clear(), strong.box_weights.clear();
  for (const auto& parts : pairs.parts) {
    std::vector<at::Tensor> boxes, classes, weights;
    for (const auto& [weak, map, area] : parts) {
      const auto [inside, keep] = clipped(map_boxes(labels.boxes[weak], map), area);
      boxes.push_back(inside.index_select(0, keep));
      classes.push_back(labels.labels[weak].index_select(0, keep));
      weights.push_back(labels.steady[weak].index_select(0, keep));
    }
    strong.boxes.push_back(torch::cat(boxes));
    strong.labels.push_back(torch::cat(classes));
    strong.box_weights.push_back(torch::cat(weights));
  }
}

}  // namespace lanner::detectors
