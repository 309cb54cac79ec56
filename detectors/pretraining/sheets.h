#pragma once

#include <opencv2/core/mat.hpp>

#include "lanner/datasets/sample.h"
#include "lanner/detectors/pretraining/cpc.h"

// Pictures of what was learned.
namespace lanner::detectors {

// A row each for a few contexts: the image with the rows that the context sees and the patch that
// is asked for, `distance` below; then the patches that answer best among all of the images',
// the right one framed green and others of its image yellow.
cv::Mat prediction_sheet(Cpc& cpc, const std::vector<datasets::Sample>& images,
                         const PatchOptions& patch, int distance);

// A row each for a few images: the image, then those whose features are nearest by angle.
cv::Mat neighbour_sheet(Encoder& encoder, const std::vector<datasets::Sample>& images);

}  // namespace lanner::detectors
