#pragma once

#include <opencv2/core/mat.hpp>

#include "lanner/datasets/sample.h"
#include "lanner/detectors/pretraining/cpc.h"

// Contact sheets that show what pretraining has learned. They are CV_8UC3, RGB.
namespace lanner::detectors {

// One row for each of the first images: the image, with the rows that the context depends on framed
// blue and the patch to predict, `distance` rows below, framed green; then the patches of all
// images with the highest scores, framed green if it is the right one and yellow if it is of the
// same image.
cv::Mat prediction_sheet(Cpc& cpc, const std::vector<datasets::Sample>& images,
                         const PatchOptions& patch, int distance);

// One row for each of several images: the image, then those whose features have the highest cosine
// similarity.
cv::Mat neighbor_sheet(Encoder& encoder, const std::vector<datasets::Sample>& images);

}  // namespace lanner::detectors
