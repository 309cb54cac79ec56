#include "lanner/detectors/pretraining/simclr.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>

#include "lanner/detectors/backbones/norm.h"
#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/pretraining/info_nce.h"
#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {

Simclr::Simclr(const PretrainOptions& options) : Objective(options), options_(options) {
  const int64_t channels = encoder->channels();
  // The batch norm, as in the authors' code, separates similar images: without it, features of
  // images of one kind had cosines near 1 and gave hardly any gradient. All views are in one batch,
  // so that its statistics do not reveal which ones belong together.
  projection_ = register_module(
      "projection",
      torch::nn::Sequential(torch::nn::Linear(channels, channels), NormLayer(Norm::batch, channels),
                            torch::nn::ReLU(), torch::nn::Linear(channels, options.embedding)));
}

ContrastiveResult Simclr::forward(const at::Tensor& images) {
  const auto features = encoder(is_training() ? augment_colors(images, options_.patch) : images);
  const auto views = projection_->forward(features).chunk(2);
  const int64_t count = views[0].size(0), first = ranks().rank * count;
  const auto positives = torch::arange(first, first + count, images.options().dtype(torch::kLong));
  const InfoNceOptions nce{.temperature = options_.temperature};
  const auto first_to_second = info_nce(views[0], gather_rows(views[1]), positives, nce);
  const auto second_to_first = info_nce(views[1], gather_rows(views[0]), positives, nce);
  return {(first_to_second.loss + second_to_first.loss) / 2,
          (first_to_second.accuracy + second_to_first.accuracy) / 2,
          count * ranks().size,
          {},
          features.detach()};
}

}  // namespace lanner::detectors
