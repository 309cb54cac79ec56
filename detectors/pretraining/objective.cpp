#include "lanner/detectors/pretraining/objective.h"

#include <algorithm>

#include "lanner/datasets/error.h"
#include "lanner/detectors/pretraining/cpc.h"
#include "lanner/detectors/pretraining/regions.h"
#include "lanner/detectors/pretraining/simclr.h"

namespace lanner::detectors {

void PretrainOptions::check() const {
  using datasets::expect;
  datasets::check_fields(*this);
  resnet_depth(backbone);
  expect((width & (width - 1)) == 0, "width", "a power of 2", width);
  expect(loop.batch_size >= 2, "batch_size", "at least 2: the other images are the negatives",
         loop.batch_size);
  if (objective == "regions") {
    const auto& levels = regions.fpn_stages;
    expect(!levels.empty() && std::is_sorted(levels.begin(), levels.end()) &&
               levels.back() - levels.front() + 1 == std::ssize(levels),
           "regions.fpn_stages", "consecutive stages", datasets::to_text(levels));
    expect(built_stages() == levels.back(), "stages", "the last of regions.fpn_stages, or 0",
           stages);
    expect(temperature > 0, "temperature", "above 0 for regions", temperature);
    expect(regions.boxes <= regions.candidates, "regions.boxes", "at most regions.candidates",
           regions.boxes);
    expect(regions.min_side < regions.max_side, "regions.min_side", "below regions.max_side",
           regions.min_side);
  }
  if (objective != "cpc") return;
  const int image_size = crop_size();
  expect(image_size >= patch.size, "image_size", "at least patch.size", image_size);
  expect(directions == 1 || directions == 4, "directions", "1 or 4", directions);
  const int rows = patch.rows(image_size);
  expect(first_distance <= last_distance, "first_distance", "at most last_distance",
         first_distance);
  expect(last_distance < rows, "last_distance",
         "less than the " + std::to_string(rows) + " rows of patches", last_distance);
  const int patches = loop.batch_size * rows * rows;
  expect(negatives < patches, "negatives",
         "0 to the " + std::to_string(patches - 1) + " other patches", negatives);
}

EncoderImpl::EncoderImpl(const ResNetOptions& options) : last_stage_(options.stages) {
  body_ = register_module("body", ResNet(options));
}

EncoderImpl::EncoderImpl(ResNet body, int last_stage) : last_stage_(last_stage) {
  body_ = register_module("body", std::move(body));
}

at::Tensor EncoderImpl::forward(const at::Tensor& images) {
  return maps(images).back().mean({2, 3});
}

std::vector<at::Tensor> EncoderImpl::stages(const at::Tensor& images) {
  auto pooled = maps(images);
  for (auto& map : pooled) map = map.mean({2, 3});
  return pooled;
}

Objective::Objective(const PretrainOptions& o) {
  o.check();
  encoder = register_module("backbone", Encoder(ResNetOptions{.depth = resnet_depth(o.backbone),
                                                              .width = o.width,
                                                              .norm = o.norm,
                                                              .stages = o.built_stages()}));
}

std::shared_ptr<Objective> make_objective(const PretrainOptions& options) {
  if (options.objective == "regions") return std::make_shared<Regions>(options);
  if (options.objective == "simclr") return std::make_shared<Simclr>(options);
  return std::make_shared<Cpc>(options);
}

}  // namespace lanner::detectors
