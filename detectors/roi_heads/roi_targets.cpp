#include "lanner/detectors/roi_heads/roi_targets.h"

#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/roi_heads/suppress.h"
#include "lanner/detectors/rpn/matching.h"

namespace lanner::detectors {
namespace {

constexpr double kMinSide = 1e-2;  // in pixels
const ops::BoxCoder kCoder{10, 10, 5, 5};
// Beta of the smooth L1 loss that ranks hard examples, as published. With a small beta, the box
// errors of positives would outweigh everything else and no background would be selected.
constexpr double kRankingBeta = 1;

// Gathers the deltas [N, 4] of RoIs (indices [N]) for the classes `label` ([N]).
at::Tensor gather_deltas(const at::Tensor& deltas, const at::Tensor& roi, const at::Tensor& label) {
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

RoiTargets sample_rois(const Proposals& proposals, const datasets::Batch& batch,
                       const RoiOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto& [boxes, labels] = std::tie(batch.boxes, batch.labels);
  std::vector<at::Tensor> roi_boxes, roi_labels, roi_deltas, box_weights;
  for (size_t n = 0; n < proposals.size(); ++n) {
    const auto candidates = torch::cat({proposals[n], boxes[n]});
    const auto matches = match(ops::box_iou(boxes[n], candidates), options.positive_iou,
                               options.positive_iou, /*allow_low_quality=*/false);
    auto rois = candidates, matched = matches;
    if (options.sampling == Sampling::balanced) {
      if (!batch.seeds.empty()) torch::manual_seed(2 * batch.seeds[n] + 1);
      const auto sampled = sample(matches, options.sampled_rois, options.positive_fraction);
      const auto indices = torch::cat({sampled.positive, sampled.negative});
      rois = candidates.index_select(0, indices), matched = matches.index_select(0, indices);
    }
    roi_boxes.push_back(rois);
    if (boxes[n].size(0) == 0) {
      roi_labels.push_back(torch::zeros_like(matched));
      roi_deltas.push_back(torch::zeros_like(rois));
      box_weights.push_back(torch::zeros({rois.size(0)}, rois.options()));
      continue;
    }
    const auto target = matched.clamp_min(0);
    roi_labels.push_back(labels[n].index_select(0, target).masked_fill(matched < 0, 0));
    roi_deltas.push_back(kCoder.encode(boxes[n].index_select(0, target), rois));
    if (!batch.box_weights.empty())
      box_weights.push_back(batch.box_weights[n].index_select(0, target));
  }
  return {to_rois(roi_boxes),
          torch::cat(roi_labels),
          torch::cat(roi_deltas),
          {},
          batch.box_weights.empty() ? at::Tensor() : torch::cat(box_weights)};
}

void select_hard_examples(RoiPredictions& predictions, RoiTargets& targets,
                          const RoiOptions& options) {
  std::vector<at::Tensor> hardest;
  {
    const torch::NoGradGuard no_grad;
    auto loss =
        torch::cross_entropy_loss(predictions.logits, targets.labels, {}, at::Reduction::None);
    const auto positive = torch::nonzero(targets.labels > 0).squeeze(1);
    const auto positive_deltas =
        gather_deltas(predictions.deltas, positive, targets.labels.index_select(0, positive));
    loss.index_add_(0, positive,
                    torch::smooth_l1_loss(positive_deltas, targets.deltas.index_select(0, positive),
                                          at::Reduction::None, kRankingBeta)
                        .sum(1));
    if (targets.weights.defined()) loss *= targets.weights;
    int64_t first = 0;
    for (auto& count : targets.rois.per_image) {
      const auto image_losses = loss.slice(0, first, first + count);
      hardest.push_back(std::get<1>(image_losses.topk(std::min(options.sampled_rois, count))) +
                        first);
      first += count;
      count = hardest.back().size(0);
    }
  }
  const auto indices = torch::cat(hardest);
  for (auto* tensor : {&predictions.logits, &predictions.deltas, &targets.rois.rois,
                       &targets.labels, &targets.deltas, &targets.weights, &targets.box_weights})
    if (tensor->defined()) *tensor = tensor->index_select(0, indices);
}

RoiLosses roi_losses(const RoiPredictions& predictions, const RoiTargets& targets,
                     const RoiOptions& options) {
  const bool weighted = targets.weights.defined();
  const double count =
      std::max(mean_over_ranks(weighted ? targets.weights.sum().item<double>()
                                        : static_cast<double>(targets.labels.size(0))),
               1.);
  auto classifier = torch::cross_entropy_loss(predictions.logits, targets.labels, {},
                                              weighted ? at::Reduction::None : at::Reduction::Sum);
  if (weighted) classifier = (classifier * targets.weights).sum();
  const auto positive = torch::nonzero(targets.labels > 0).squeeze(1);
  auto predicted =
      gather_deltas(predictions.deltas, positive, targets.labels.index_select(0, positive));
  auto wanted = targets.deltas.index_select(0, positive);
  auto box_reg = torch::smooth_l1_loss(
      predicted, wanted, targets.box_weights.defined() ? at::Reduction::None : at::Reduction::Sum,
      options.beta);
  if (targets.box_weights.defined())
    box_reg = (box_reg * targets.box_weights.index_select(0, positive).unsqueeze(1)).sum();
  return {classifier / count, box_reg / count};
}

at::Tensor refined_boxes(const RoiPredictions& predictions, const at::Tensor& rois,
                         const at::Tensor& labels) {
  const auto all = torch::arange(rois.size(0), labels.options());
  return kCoder.decode(gather_deltas(predictions.deltas, all, labels), rois.slice(1, 1, 5))
      .squeeze(1);
}

Detections strongest(const at::Tensor& boxes, const at::Tensor& labels, const at::Tensor& scores,
                     const datasets::ImageSize& size, const datasets::ImageSize& original_size,
                     const RoiOptions& options) {
  const auto sides = boxes.slice(1, 2, 4) - boxes.slice(1, 0, 2);
  const auto valid = torch::nonzero((sides >= kMinSide).all(1)).squeeze(1);
  const auto box = boxes.index_select(0, valid), label = labels.index_select(0, valid);
  const auto kept = suppress(box, scores.index_select(0, valid), label, options);
  const auto keep = kept.indices.slice(0, 0, options.max_detections);
  const double scale_x = static_cast<double>(original_size.width) / static_cast<double>(size.width),
               scale_y =
                   static_cast<double>(original_size.height) / static_cast<double>(size.height);
  const auto scale =
      torch::tensor({scale_x, scale_y, scale_x, scale_y}, torch::kFloat).to(box.device());
  return {box.index_select(0, keep) * scale, label.index_select(0, keep),
          kept.scores.slice(0, 0, options.max_detections)};
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
    // Each RoI is a candidate for every class except background.
    const auto foreground = scores[n].slice(1, 1);
    const auto candidates = torch::nonzero(foreground > options.score_threshold);
    const auto roi = candidates.select(1, 0), label = candidates.select(1, 1) + 1;
    auto box = kCoder.decode(gather_deltas(deltas[n], roi, label), boxes[n].index_select(0, roi))
                   .squeeze(1);
    box = ops::clip_boxes(box, sizes[n].height, sizes[n].width);
    const auto score = scores[n].index({roi, label});
    results.push_back(strongest(box, label, score, sizes[n], original_sizes[n], options));
  }
  return results;
}

}  // namespace lanner::detectors
