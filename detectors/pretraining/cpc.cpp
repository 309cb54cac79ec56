#include "lanner/detectors/pretraining/cpc.h"

#include <torch/nn/functional/normalization.h>

#include <array>

#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/pretraining/info_nce.h"
#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {
namespace {

// The direction of prediction when the grid is rotated counterclockwise by that many quarter turns.
constexpr std::array kDirections{"down", "left", "up", "right"};

// [N, D, R, C] to [N * R * C, D].
at::Tensor flatten_positions(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(0, 2); }

}  // namespace

Cpc::Cpc(const PretrainOptions& options) : Objective(options), options_(options) {
  using Options = torch::nn::Conv2dOptions;
  const int64_t channels = encoder->channels();
  const int64_t distances = options.last_distance - options.first_distance + 1;
  target_ = register_module("target", torch::nn::Conv2d(Options(channels, options.embedding, 1)));
  for (int d = 0; d < options.directions; ++d)
    directions_.push_back(
        {register_module(c10::str("context_", kDirections[d]),
                         make_context(options.context, channels)),
         register_module(
             c10::str("predict_", kDirections[d]),
             torch::nn::Conv2d(Options(channels, options.embedding * distances, 1).bias(false)))});
}

at::Tensor Cpc::encode(const at::Tensor& images) {
  const auto patches = is_training() ? augment_patches(images, options_.patch)
                                     : extract_patches(images, options_.patch);
  const int64_t grid = options_.patch.rows(options_.crop_size());
  return encoder(patches)
      .view({images.size(0), grid, grid, encoder->channels()})
      .permute({0, 3, 1, 2});
}

ContrastiveResult Cpc::forward(const at::Tensor& images) {
  const auto z = encode(images);
  const auto targets = target_(z);
  ContrastiveResult result;
  result.features = flatten_positions(z.detach());
  std::vector<at::Tensor> losses, accuracies;
  const auto own_candidates = flatten_positions(targets);
  const auto candidates = gather_rows(own_candidates);
  result.candidates = options_.negatives ? options_.negatives + 1 : candidates.size(0);
  const int64_t R = z.size(2), first = ranks().rank * own_candidates.size(0);
  const auto candidate_indices =
      torch::arange(first, first + own_candidates.size(0), candidates.options().dtype(torch::kLong))
          .view({z.size(0), R, R});
  for (size_t d = 0; d < directions_.size(); ++d) {
    const auto quarter_turns = static_cast<int64_t>(d);
    const auto rotated_indices = torch::rot90(candidate_indices, quarter_turns, {1, 2});
    // The last rows are left out: they predict nothing, and no other context depends on them.
    const auto context =
        directions_[d].context->forward(torch::rot90(z, quarter_turns, {2, 3})
                                            .slice(2, 0, R - options_.first_distance)
                                            .contiguous(at::MemoryFormat::ChannelsLast));
    const auto predictions = directions_[d].predict(context);
    for (int k = options_.first_distance; k <= options_.last_distance; ++k) {
      const int64_t begin = (k - options_.first_distance) * int64_t{options_.embedding};
      const auto nce =
          info_nce(flatten_positions(
                       predictions.slice(1, begin, begin + options_.embedding).slice(2, 0, R - k)),
                   candidates, rotated_indices.slice(1, k, R).reshape({-1}),
                   {.temperature = options_.temperature, .negatives = options_.negatives});
      losses.push_back(nce.loss);
      accuracies.push_back(nce.accuracy);
      result.parts.emplace_back(c10::str("accuracy_", kDirections[d], "_", k), nce.accuracy);
    }
  }
  result.loss = torch::stack(losses).mean();
  result.accuracy = torch::stack(accuracies).mean();
  return result;
}

at::Tensor Cpc::scores(const at::Tensor& features, int distance) {
  const int64_t begin = (distance - options_.first_distance) * int64_t{options_.embedding};
  const auto predictions = directions_[0]
                               .predict(directions_[0].context->forward(features))
                               .slice(1, begin, begin + options_.embedding)
                               .slice(2, 0, features.size(2) - distance);
  const auto maybe_normalize = [&](const at::Tensor& x) {
    return options_.temperature > 0 ? torch::nn::functional::normalize(flatten_positions(x))
                                    : flatten_positions(x);
  };
  return torch::matmul(maybe_normalize(predictions), maybe_normalize(target_(features)).t());
}

}  // namespace lanner::detectors
