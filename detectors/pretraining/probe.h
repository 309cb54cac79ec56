#pragma once

#include "lanner/detectors/pretraining/objective.h"

namespace lanner::detectors {

// Features of images with known classes, to learn from or to be asked about.
struct LabelledFeatures {
  at::Tensor features;  // [N, D] float
  at::Tensor labels;    // [N] int64, from 0
};

// How images become features.
enum class ProbeInput {
  image,    // the network runs over the whole image, as in a detector
  patches,  // over each patch alone, and the mean is taken, as in CPC
};

// Of each stage of the encoder: the mean over an image's cells. Images are the middle squares,
// `image_size` pixels. patch: where patches are asked for.
std::vector<at::Tensor> image_features(Encoder& encoder,
                                       const std::vector<std::filesystem::path>& files,
                                       int image_size, ProbeInput input, const PatchOptions& patch);

// Part of `test` that a linear classifier on standardised features gets right (logistic regression
// by L-BFGS; its weight decay is chosen on a fifth of `train` that the seed picks, then all of it
// is learned).
double linear_accuracy(const LabelledFeatures& train, const LabelledFeatures& test, uint64_t seed);

// Part of `test` that a vote of the nearest neighbours by cosine gets right, each weighted by
// exp(cosine / 0.07) (arXiv 1805.01978, section 3.4).
double knn_accuracy(const LabelledFeatures& train, const LabelledFeatures& test, int neighbours);

}  // namespace lanner::detectors
