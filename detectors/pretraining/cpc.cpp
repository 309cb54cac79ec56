#include "lanner/detectors/pretraining/cpc.h"

#include "lanner/datasets/error.h"
#include "lanner/detectors/pretraining/info_nce.h"
#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {
namespace {

constexpr int64_t kTargetChannels = 64;
constexpr double kLogitScale = 0.1;  // CPC v2's

const PretrainOptions& checked(const PretrainOptions& options) {
  options.check();
  return options;
}

// [N, D, R, C] to [N * R * C, D].
at::Tensor rows(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(0, 2); }

}  // namespace

void PretrainOptions::check() const {
  const auto expect = [](bool fine, const std::string& option, const std::string& expected,
                         const auto& got) {
    if (!fine) throw usage_error(option + ": expected " + expected + ", got " + c10::str(got));
  };
  expect(stages >= 1 && stages <= 4, "stages", "1..4", stages);
  expect(patch_size >= 16, "patch-size", "at least 16", patch_size);
  expect(patch_stride > 0, "patch-stride", "a positive number", patch_stride);
  expect(image_size >= patch_size, "image-size", "at least the patch size", image_size);
  expect(directions == 1 || directions == 4, "directions", "1 or 4", directions);
  const int grid = (image_size - patch_size) / patch_stride + 1;
  expect(first_distance >= 1 && first_distance <= last_distance, "first-distance",
         "1 .. last-distance", first_distance);
  expect(last_distance < grid, "last-distance",
         "less than the " + std::to_string(grid) + " rows of patches", last_distance);
  expect(loop.batch_size >= 2, "batch-size", "at least 2: the others are the negatives",
         loop.batch_size);
}

CpcImpl::CpcImpl(const PretrainOptions& given) : options_(checked(given)) {
  auto backbone = register_module("backbone", std::make_shared<torch::nn::Module>());
  body_ = backbone->register_module(
      "body", ResNet(ResNetOptions{
                  .depth = options_.depth, .norm = options_.norm, .stages = options_.stages}));
  channels_ = body_->channels(options_.stages);
  using Options = torch::nn::Conv2dOptions;
  target_ = register_module("target", torch::nn::Conv2d(Options(channels_, kTargetChannels, 1)));
  for (int d = 0; d < options_.directions; ++d) {
    const std::string direction = std::to_string(d);
    contexts_.push_back(register_module("context" + direction, Context(channels_)));
    predictors_.emplace_back();
    for (int k = options_.first_distance; k <= options_.last_distance; ++k)
      predictors_.back().push_back(
          register_module("predictor" + direction + "_" + std::to_string(k),
                          torch::nn::Conv2d(Options(channels_, kTargetChannels, 1).bias(false))));
  }
}

at::Tensor CpcImpl::encode(const at::Tensor& images) {
  auto patches = patch_grid(images, options_.patch_size, options_.patch_stride);
  if (is_training()) patches = jitter_patches(patches);
  const int64_t grid = (options_.image_size - options_.patch_size) / options_.patch_stride + 1;
  const auto features = body_->forward(patches).back().mean({2, 3});
  return features.view({images.size(0), grid, grid, channels_}).permute({0, 3, 1, 2});
}

CpcResult CpcImpl::forward(const at::Tensor& images) {
  const auto z = encode(images);
  const auto targets = target_(z);
  std::vector<at::Tensor> losses, accuracies;
  for (size_t d = 0; d < contexts_.size(); ++d) {
    // "Downwards" in a turned grid is up, left or right in the image.
    const auto turns = static_cast<int64_t>(d);
    const auto turned_targets = torch::rot90(targets, turns, {2, 3});
    const auto context = contexts_[d](torch::rot90(z, turns, {2, 3}).contiguous());
    const auto all = rows(turned_targets);
    const int64_t R = context.size(2);
    const auto places = torch::arange(all.size(0), all.options().dtype(torch::kLong))
                            .view({context.size(0), R, context.size(3)});
    for (size_t i = 0; i < predictors_[d].size(); ++i) {
      const int64_t k = options_.first_distance + static_cast<int64_t>(i);
      const auto predicted = predictors_[d][i](context.slice(2, 0, R - k)) * kLogitScale;
      const auto found = info_nce(rows(predicted), all, places.slice(1, k, R).reshape({-1}));
      losses.push_back(found.loss);
      accuracies.push_back(found.accuracy);
    }
  }
  return {torch::stack(losses).mean(), torch::stack(accuracies).mean(),
          z.size(0) * z.size(2) * z.size(3)};
}

}  // namespace lanner::detectors
