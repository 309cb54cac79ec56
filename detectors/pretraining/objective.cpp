#include "lanner/detectors/pretraining/objective.h"

#include "lanner/datasets/error.h"
#include "lanner/detectors/pretraining/cpc.h"
#include "lanner/detectors/pretraining/simclr.h"

namespace lanner::detectors {

void PretrainOptions::check() const {
  const auto expect = [](bool fine, const std::string& option, const std::string& expected,
                         const auto& got) {
    if (!fine) throw usage_error(option + ": expected " + expected + ", got " + c10::str(got));
  };
  const auto fraction = [&](double value, const std::string& option) {
    expect(value >= 0 && value <= 1, option, "0 to 1", value);
  };
  const bool cpc = objective == "cpc";
  expect(cpc || objective == "simclr", "objective", "cpc or simclr", objective);
  expect(stages >= 1 && stages <= 4, "stages", "1..4", stages);
  expect(image_size >= 16 && image_size <= 4096, "image-size", "16 to 4096", image_size);
  expect(smallest_crop > 0 && smallest_crop <= 1, "smallest-crop", "above 0 and up to 1",
         smallest_crop);
  expect(embedding > 0, "embedding", "a positive number", embedding);
  expect(temperature >= 0, "temperature", "0 or more", temperature);
  expect(loop.batch_size >= 2, "batch-size", "at least 2: the others are the negatives",
         loop.batch_size);
  fraction(patch.grey, "patch-grey");
  fraction(patch.one_channel, "patch-one-channel");
  fraction(patch.contrast, "patch-contrast");
  expect(patch.brightness >= 0, "patch-brightness", "0 or more", patch.brightness);
  if (!cpc) return;
  fraction(patch.flip, "patch-flip");
  expect(patch.crop > 0 && patch.crop <= 1, "patch-crop", "above 0 and up to 1", patch.crop);
  expect(patch.size >= 16, "patch-size", "at least 16", patch.size);
  expect(patch.stride > 0, "patch-stride", "a positive number", patch.stride);
  expect(image_size >= patch.size, "image-size", "at least the patch size", image_size);
  expect(context == "conv" || context == "gru", "context", "conv or gru", context);
  expect(directions == 1 || directions == 4, "directions", "1 or 4", directions);
  const int rows = patch.rows(image_size);
  expect(first_distance >= 1 && first_distance <= last_distance, "first-distance",
         "1 .. last-distance", first_distance);
  expect(last_distance < rows, "last-distance",
         "less than the " + std::to_string(rows) + " rows of patches", last_distance);
  expect(negatives >= 0 && negatives < loop.batch_size * rows * rows, "negatives",
         "0 to the " + std::to_string(loop.batch_size * rows * rows - 1) + " other patches",
         negatives);
}

EncoderImpl::EncoderImpl(const ResNetOptions& options) : last_(options.stages) {
  body_ = register_module("body", ResNet(options));
}

at::Tensor EncoderImpl::forward(const at::Tensor& images) {
  return body_->forward(images, last_).back().mean({2, 3});
}

std::vector<at::Tensor> EncoderImpl::stages(const at::Tensor& images) {
  auto maps = body_->forward(images, last_);
  for (auto& map : maps) map = map.mean({2, 3});
  return maps;
}

Objective::Objective(const PretrainOptions& o) {
  o.check();
  encoder = register_module(
      "backbone", Encoder(ResNetOptions{.depth = o.depth, .norm = o.norm, .stages = o.stages}));
}

std::shared_ptr<Objective> make_objective(const PretrainOptions& options) {
  if (options.objective == "simclr") return std::make_shared<Simclr>(options);
  return std::make_shared<Cpc>(options);
}

}  // namespace lanner::detectors
