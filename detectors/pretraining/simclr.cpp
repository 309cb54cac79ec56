#include "lanner/detectors/pretraining/simclr.h"

#include "lanner/detectors/pretraining/info_nce.h"
#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {

Simclr::Simclr(const PretrainOptions& options) : Objective(options), options_(options) {
  const int64_t channels = encoder->channels();
  // The batch norm, as in its authors' code, parts what is alike: images of one kind, whose
  // features have most in common, gave cosines near 1 and hardly a gradient. All views are in one
  // batch, so its statistics do not tell which belong together.
  projection_ = register_module(
      "projection",
      torch::nn::Sequential(torch::nn::Linear(channels, channels), torch::nn::BatchNorm1d(channels),
                            torch::nn::ReLU(), torch::nn::Linear(channels, options.embedding)));
}

ContrastiveResult Simclr::forward(const at::Tensor& images) {
  const auto features =
      encoder(is_training() ? with_other_colours(images, options_.patch) : images);
  const auto views = projection_->forward(features).chunk(2);
  const auto same = torch::arange(views[0].size(0), images.options().dtype(torch::kLong));
  const InfoNceOptions nce{.temperature = options_.temperature};
  const auto there = info_nce(views[0], views[1], same, nce);
  const auto back = info_nce(views[1], views[0], same, nce);
  return {(there.loss + back.loss) / 2,
          (there.accuracy + back.accuracy) / 2,
          views[0].size(0),
          {},
          features.detach()};
}

}  // namespace lanner::detectors
