#include "lanner/detectors/roi_heads/roi_targets.h"

#include "lanner/detectors/matching.h"
#include "lanner/ops/nms.h"

namespace lanner::detectors {
namespace {

constexpr double kSmallestSide = 1e-2;
const ops::BoxCoder kCoder{10, 10, 5, 5};
// Of the smooth L1 loss that hard examples are ranked by, as published. With a small beta the box
// errors of positives outweigh all else and crowd out the background.
constexpr double kRankingBeta = 1;

// The deltas [N, 4] of given RoIs for given labels [N].
at::Tensor deltas_of(const at::Tensor& deltas, const at::Tensor& roi, const at::Tensor& label) {
  const auto by_class = deltas.view({deltas.size(0), deltas.size(1) / 4, 4});
  return by_class.size(1) == 1 ? by_class.select(1, 0).index_select(0, roi)
                               : by_class.index({roi, label});
}

}  // namespace

RoiBatch to_rois(const std::vector<at::Tensor>& boxes) {
  RoiBatch batch;
  std::vector<at::Tensor> indices;
  for (size_t n = 0; n < boxes.size(); ++n) {
    batch.per_image.push_back(boxes[n].size(0));
    indices.push_back(
        torch::full({boxes[n].size(0), 1}, static_cast<double>(n), boxes[n].options()));
  }
  batch.rois = torch::cat({torch::cat(indices), torch::cat(boxes)}, 1);
  return batch;
}

RoiTargets sample_rois(const Proposals& proposals, const std::vector<at::Tensor>& boxes,
                       const std::vector<at::Tensor>& labels, const RoiOptions& options) {
  const torch::NoGradGuard no_grad;
  std::vector<at::Tensor> chosen_boxes, chosen_labels, chosen_deltas;
  for (size_t n = 0; n < proposals.size(); ++n) {
    const auto candidates = torch::cat({proposals[n], boxes[n]});
    const auto matches = match(ops::box_iou(boxes[n], candidates), options.positive_iou,
                               options.positive_iou, /*keep_best=*/false);
    auto rois = candidates, matched = matches;
    if (options.sampling == Sampling::balanced) {
      const auto sampled = sample(matches, options.sampled_rois, options.positive_fraction);
      const auto indices = torch::cat({sampled.positive, sampled.negative});
      rois = candidates.index_select(0, indices), matched = matches.index_select(0, indices);
    }
    chosen_boxes.push_back(rois);
    if (boxes[n].size(0) == 0) {
      chosen_labels.push_back(torch::zeros_like(matched));
      chosen_deltas.push_back(torch::zeros_like(rois));
      continue;
    }
    const auto target = matched.clamp_min(0);
    chosen_labels.push_back(labels[n].index_select(0, target).masked_fill(matched < 0, 0));
    chosen_deltas.push_back(kCoder.encode(boxes[n].index_select(0, target), rois));
  }
  return {to_rois(chosen_boxes), torch::cat(chosen_labels), torch::cat(chosen_deltas)};
}

void keep_hardest(RoiPredictions& predictions, RoiTargets& targets, const RoiOptions& options) {
  std::vector<at::Tensor> kept;
  {
    const torch::NoGradGuard no_grad;
    auto loss =
        torch::cross_entropy_loss(predictions.logits, targets.labels, {}, at::Reduction::None);
    const auto positive = torch::nonzero(targets.labels > 0).squeeze(1);
    const auto own =
        deltas_of(predictions.deltas, positive, targets.labels.index_select(0, positive));
    loss.index_add_(0, positive,
                    torch::smooth_l1_loss(own, targets.deltas.index_select(0, positive),
                                          at::Reduction::None, kRankingBeta)
                        .sum(1));
    int64_t first = 0;
    for (auto& number : targets.rois.per_image) {
      const auto own_losses = loss.slice(0, first, first + number);
      kept.push_back(std::get<1>(own_losses.topk(std::min(options.sampled_rois, number))) + first);
      first += number;
      number = kept.back().size(0);
    }
  }
  const auto indices = torch::cat(kept);
  for (auto* tensor : {&predictions.logits, &predictions.deltas, &targets.rois.rois,
                       &targets.labels, &targets.deltas})
    *tensor = tensor->index_select(0, indices);
}

RoiLosses roi_losses(const RoiPredictions& predictions, const RoiTargets& targets,
                     const RoiOptions& options) {
  const auto classifier = torch::cross_entropy_loss(predictions.logits, targets.labels);
  const auto positive = torch::nonzero(targets.labels > 0).squeeze(1);
  const auto own =
      deltas_of(predictions.deltas, positive, targets.labels.index_select(0, positive));
  const auto box_reg = torch::smooth_l1_loss(own, targets.deltas.index_select(0, positive),
                                             at::Reduction::Sum, options.beta) /
                       std::max<int64_t>(1, targets.labels.size(0));
  return {classifier, box_reg};
}

std::vector<Detections> select_detections(const RoiPredictions& predictions, const RoiBatch& rois,
                                          const std::vector<datasets::ImageSize>& sizes,
                                          const std::vector<datasets::ImageSize>& original_sizes,
                                          const RoiOptions& options) {
  const auto boxes = rois.rois.slice(1, 1, 5).split_with_sizes(rois.per_image);
  const auto deltas = predictions.deltas.split_with_sizes(rois.per_image);
  const auto scores = predictions.logits.softmax(1).split_with_sizes(rois.per_image);
  std::vector<Detections> results;
  for (size_t n = 0; n < sizes.size(); ++n) {
    // Each RoI is a candidate of every class but the background.
    const auto foreground = scores[n].slice(1, 1);
    const auto likely = torch::nonzero(foreground > options.score_threshold);
    const auto roi = likely.select(1, 0), label = likely.select(1, 1) + 1;
    auto box =
        kCoder.decode(deltas_of(deltas[n], roi, label), boxes[n].index_select(0, roi)).squeeze(1);
    box = ops::clip_boxes(box, sizes[n].height, sizes[n].width);
    auto score = scores[n].index({roi, label});
    const auto sides = box.slice(1, 2, 4) - box.slice(1, 0, 2);
    const auto large = torch::nonzero((sides >= kSmallestSide).all(1)).squeeze(1);
    box = box.index_select(0, large), score = score.index_select(0, large);
    const auto large_label = label.index_select(0, large);
    const auto kept = ops::batched_nms(box, score, large_label, options.nms_iou)
                          .slice(0, 0, options.most_detections);
    const double x =
        static_cast<double>(original_sizes[n].width) / static_cast<double>(sizes[n].width);
    const double y =
        static_cast<double>(original_sizes[n].height) / static_cast<double>(sizes[n].height);
    const auto scale = torch::tensor({x, y, x, y}, torch::kFloat).to(box.device());
    results.push_back({box.index_select(0, kept) * scale, large_label.index_select(0, kept),
                       score.index_select(0, kept)});
  }
  return results;
}

}  // namespace lanner::detectors
