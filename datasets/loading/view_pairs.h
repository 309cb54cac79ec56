#pragma once

#include <memory>
#include <opencv2/core/types.hpp>
#include <vector>

#include "lanner/datasets/images/strong_view_options.h"
#include "lanner/datasets/loading/loader.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// What a strong view shows of a weak one: its pixels moved by `map`, those that come to be in
// `area`.
struct ViewPart {
  int64_t weak;  // which of the batch
  cv::Matx23d map;
  cv::Rect area;
};

// Two views of each image of a batch: a teacher looks at the weak one, and a student learns what it
// saw from the strong one.
struct ViewPairs {
  Batch weak;    // with the objects of the data set, if it knows any: to judge the teacher by
  Batch strong;  // without
  // Per strong view: one, or several where views are mixed.
  std::vector<std::vector<ViewPart>> parts;
};

// Pairs of views in order, loaded ahead by threads. Pair b depends only on the seed and b. The data
// set must outlive the loader.
LANNER_API std::unique_ptr<Prefetcher<ViewPairs>> view_pair_loader(
    const Dataset& dataset, const TrainingSampleOptions& samples, const StrongViewOptions& strong,
    const LoaderOptions& options);

}  // namespace lanner::datasets
