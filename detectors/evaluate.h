#pragma once

#include <functional>

#include "lanner/datasets/coco.h"
#include "lanner/detectors/detector.h"

namespace lanner::detectors {

// COCO detections of every image of a data set. progress(fraction) may be empty; stop() true ends
// it early.
std::vector<datasets::CocoDetection> detect_dataset(
    Detector& detector, const datasets::Dataset& dataset, int batch_size, int workers,
    const std::function<void(double)>& progress = {}, const std::function<bool()>& stop = {});

// One image's detections in COCO's form, with the data set's own category ids.
std::vector<datasets::CocoDetection> to_coco(const Detections& detections, int64_t image_id,
                                             const std::vector<datasets::Category>& categories);

}  // namespace lanner::detectors
