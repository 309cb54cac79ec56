#include "lanner/detectors/pretraining/region_views.h"

#include <torch/nn/functional/normalization.h>

#include "lanner/detectors/pretraining/patches.h"
#include "lanner/ops/roi_align.h"

namespace lanner::detectors {
namespace {

constexpr double kSurroundings = 1.6;  // sides of a box with its surroundings, in sides of the box

at::Tensor uniform(at::IntArrayRef sizes, double low, double high) {
  return torch::rand(sizes) * (high - low) + low;
}

at::Tensor unit(const at::Tensor& x) {
  namespace F = torch::nn::functional;
  return F::normalize(x, F::NormalizeFuncOptions().dim(1));
}

// [N, 3]: x, y and side of a square within images of the given side.
at::Tensor random_squares(int64_t count, double side, double min_part) {
  const auto sides = uniform({count, 1}, min_part, 1) * side;
  return torch::cat({torch::rand({count, 2}) * (side - sides), sides}, 1);
}

at::Tensor to_rois(const at::Tensor& image, const at::Tensor& boxes) {
  return torch::cat({image.to(boxes).unsqueeze(1), boxes}, 1);
}

// Squares of images, [N, 3, V, V], by RoIAlign.
at::Tensor crop(const at::Tensor& images, const at::Tensor& squares, int64_t size) {
  const auto corner = squares.slice(1, 0, 2), end = corner + squares.slice(1, 2, 3);
  const auto rois = to_rois(torch::arange(images.size(0)), torch::cat({corner, end}, 1));
  return ops::roi_align(images, rois.to(images),
                        {.pooled_height = size, .pooled_width = size, .sampling_ratio = 1});
}

// Mean colors of boxes, [K, 3].
at::Tensor mean_colors(const at::Tensor& images, const at::Tensor& rois) {
  return ops::roi_align(images, rois.to(images),
                        {.pooled_height = 1, .pooled_width = 1, .sampling_ratio = 8})
      .flatten(1);
}

// Boxes in pixels of the view that shows `squares` of the images.
at::Tensor in_view(const at::Tensor& boxes, const at::Tensor& squares, const at::Tensor& mirrored,
                   double size) {
  const auto corner = squares.slice(2, 0, 2), scale = size / squares.slice(2, 2, 3);
  const auto moved = (boxes - torch::cat({corner, corner}, 2)) * scale;
  const auto x1 = moved.select(2, 0), y1 = moved.select(2, 1), x2 = moved.select(2, 2),
             y2 = moved.select(2, 3);
  return torch::stack(
      {torch::where(mirrored, size - x2, x1), y1, torch::where(mirrored, size - x1, x2), y2}, 2);
}

}  // namespace

RegionViews region_views(const at::Tensor& images, const RegionOptions& o,
                         const PatchOptions& colors) {
  const torch::NoGradGuard no_grad;
  const int64_t count = images.size(0), candidates = o.candidates;
  const auto side = static_cast<double>(images.size(3));
  const at::Tensor squares[2] = {random_squares(count, side, o.min_view),
                                 random_squares(count, side, o.min_view)};
  // What both show: at least 2 * min_view - 1 of the side.
  const auto low = torch::maximum(squares[0].slice(1, 0, 2), squares[1].slice(1, 0, 2)),
             high = torch::minimum(squares[0].slice(1, 0, 2) + squares[0].slice(1, 2, 3),
                                   squares[1].slice(1, 0, 2) + squares[1].slice(1, 2, 3));
  const auto common = (high - low).unsqueeze(1);  // [N, 1, 2]
  const auto sizes = (uniform({count, candidates, 1}, std::log(o.min_side), std::log(o.max_side)) +
                      uniform({count, candidates, 1}, -0.35, 0.35) * torch::tensor({1., -1.}))
                         .exp()
                         .to(torch::kFloat) *
                     side;
  const auto fitted = torch::minimum(sizes, 0.95 * common);
  const auto corner = low.unsqueeze(1) + torch::rand({count, candidates, 2}) * (common - fitted);
  const auto boxes = torch::cat({corner, corner + fitted}, 2);  // [N, candidates, 4]

  const auto image = torch::arange(count).repeat_interleave(candidates);
  const auto center = (corner + fitted / 2).repeat({1, 1, 2});
  const auto around = ((boxes - center) * kSurroundings + center).clamp(0, side);
  const auto inner = mean_colors(images, to_rois(image, boxes.flatten(0, 1))),
             outer = mean_colors(images, to_rois(image, around.flatten(0, 1)));

  RegionViews views;
  views.salience = (inner - outer).norm(2, 1).to(torch::kFloat).cpu().view({count, candidates});
  for (const int v : {0, 1}) {
    const auto mirrored = torch::rand({count, 1}) < 0.5;
    auto view = crop(images, squares[v], o.view_size);
    view = torch::where(mirrored.to(view.device()).view({count, 1, 1, 1}), view.flip({3}), view);
    (v == 0 ? views.first : views.second) = augment_colors(view, colors);
    const auto rois = to_rois(
        image, in_view(boxes, squares[v].unsqueeze(1), mirrored, static_cast<double>(o.view_size))
                   .flatten(0, 1));
    (v == 0 ? views.first_rois : views.second_rois) = rois.to(images);
  }
  return views;
}

at::Tensor choose_regions(const at::Tensor& weights, int64_t count) {
  const auto columns = torch::multinomial(weights + 1e-6, count);  // [N, count]
  return (columns + torch::arange(weights.size(0)).unsqueeze(1) * weights.size(1)).flatten();
}

at::Tensor alike(const at::Tensor& targets, double same) {
  const auto units = unit(targets - targets.mean(0, true));
  return (units.matmul(units.t()) > same)
      .logical_or(torch::eye(targets.size(0), targets.options().dtype(torch::kBool)));
}

RegionNce region_nce(const at::Tensor& predictions, const at::Tensor& targets, double temperature,
                     double same) {
  const auto count = targets.size(0);
  const auto positive = torch::arange(count, targets.options().dtype(torch::kLong));
  const auto left_out =
      alike(targets, same)
          .logical_and(torch::eye(count, targets.options().dtype(torch::kBool)).logical_not());
  const auto logits = (unit(predictions).matmul(unit(targets).t()) / temperature)
                          .masked_fill(left_out, -std::numeric_limits<float>::infinity());
  return {torch::cross_entropy_loss(logits, positive),
          (logits.argmax(1) == positive).to(torch::kFloat).mean(), count - left_out.sum(1)};
}

}  // namespace lanner::detectors
