#pragma once

#include <opencv2/core/mat.hpp>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// How an object looks: a histogram of the colors in its box, of sum 1, in which the middle of the
// box counts most ("Kernel-Based Object Tracking", Comaniciu, Ramesh and Meer, 2003, section 4).
using Look = std::vector<float>;

// rgb: CV_8UC3; the part of the box that lies in it is looked at. Empty if there is none.
LANNER_API Look look(const cv::Mat& rgb, const Box& box);

// How much two looks differ, 0..1: the Hellinger distance. 0 if one of them is empty.
LANNER_API double difference(const Look& a, const Look& b);

}  // namespace lanner::datasets
