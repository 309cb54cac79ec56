#pragma once

#include <functional>

#include "lanner/datasets/reading/coco.h"
#include "lanner/detectors/detector.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Runs a detector in evaluation mode on every image of a dataset and returns all detections in COCO
// format. `workers` threads load the images. progress(fraction in 0..1) is called after each batch;
// when stop() returns true, the detections so far are returned. Both may be empty. Throws Error for
// an image that cannot be read.
LANNER_API std::vector<datasets::CocoDetection> detect_dataset(
    Detector& detector, const datasets::Dataset& dataset, int batch_size, int workers,
    const std::function<void(double)>& progress = {}, const std::function<bool()>& stop = {});

// The images of a dataset that this rank evaluates: every size-th batch.
datasets::Dataset shard_of_rank(const datasets::Dataset& dataset, int batch_size);

// The same with the batches divided among the ranks. Each returns all detections, as
// detect_dataset() would have them, also where one of them was stopped.
std::vector<datasets::CocoDetection> detect_by_ranks(Detector& detector,
                                                     const datasets::Dataset& dataset,
                                                     int batch_size, int workers,
                                                     const std::function<bool()>& stop);

// Converts the detections of one image to COCO format: boxes as x, y, width, height in pixels, and
// the category ids of `categories`, whose element i has label i + 1.
std::vector<datasets::CocoDetection> to_coco(const Detections& detections, int64_t image_id,
                                             const std::vector<datasets::Category>& categories);

}  // namespace lanner::detectors
