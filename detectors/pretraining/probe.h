#pragma once

#include "lanner/detectors/pretraining/objective.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Features of images with known classes.
struct LabelledFeatures {
  at::Tensor features;  // [N, D] float
  at::Tensor labels;    // [N] int64, from 0
};

// The input of the encoder.
enum class ProbeInput {
  image,    // the full image, as in a detector
  patches,  // each patch separately, with the features averaged, as in CPC
};

// Returns the features of each stage of the encoder, [N, channels of the stage], averaged over all
// positions of an image. Images are center crops, resized to `image_size` x `image_size` pixels.
// patch: for ProbeInput::patches. Puts the encoder into evaluation mode. Throws Error naming the
// file that cannot be read.
LANNER_API std::vector<at::Tensor> image_features(Encoder& encoder,
                                                  const std::vector<std::filesystem::path>& files,
                                                  int image_size, ProbeInput input,
                                                  const PatchOptions& patch);

// Returns the accuracy, 0..1, on `test` of a linear classifier trained on `train`: logistic
// regression on standardized features by L-BFGS. Its weight decay is selected on a random fifth of
// `train`, which the seed determines, before training on all of it.
LANNER_API double linear_accuracy(const LabelledFeatures& train, const LabelledFeatures& test,
                                  uint64_t seed);

// Returns the accuracy, 0..1, on `test` of a vote of the nearest neighbors in `train` by cosine
// similarity, weighted by exp(cosine / 0.07) (arXiv 1805.01978, section 3.4).
LANNER_API double knn_accuracy(const LabelledFeatures& train, const LabelledFeatures& test,
                               int neighbors);

}  // namespace lanner::detectors
