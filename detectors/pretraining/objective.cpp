#include "lanner/detectors/pretraining/objective.h"

#include "lanner/datasets/error.h"
#include "lanner/detectors/pretraining/cpc.h"
#include "lanner/detectors/pretraining/simclr.h"

namespace lanner::detectors {

void PretrainOptions::check() const {
  using datasets::expect;
  datasets::check_fields(*this);
  resnet_depth(backbone);
  expect((width & (width - 1)) == 0, "width", "a power of 2", width);
  expect(loop.batch_size >= 2, "batch_size", "at least 2: the other images are the negatives",
         loop.batch_size);
  if (objective != "cpc") return;
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

at::Tensor EncoderImpl::forward(const at::Tensor& images) {
  return body_->forward(images, last_stage_).back().mean({2, 3});
}

std::vector<at::Tensor> EncoderImpl::stages(const at::Tensor& images) {
  auto maps = body_->forward(images, last_stage_);
  for (auto& map : maps) map = map.mean({2, 3});
  return maps;
}

Objective::Objective(const PretrainOptions& o) {
  o.check();
  encoder = register_module("backbone", Encoder(ResNetOptions{.depth = resnet_depth(o.backbone),
                                                              .width = o.width,
                                                              .norm = o.norm,
                                                              .stages = o.stages}));
}

std::shared_ptr<Objective> make_objective(const PretrainOptions& options) {
  if (options.objective == "simclr") return std::make_shared<Simclr>(options);
  return std::make_shared<Cpc>(options);
}

}  // namespace lanner::detectors
