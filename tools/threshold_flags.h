#pragma once

#include "lanner/detectors/detect_options.h"
#include "tools/command.h"

namespace lanner::tools {

// The flags of what a detector keeps, which detect and eval share.
inline po::options_description threshold_flags(detectors::Thresholds& thresholds) {
  po::options_description options("what is kept; else as the weights say", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("score-threshold", po::value(&thresholds.score), "least score, before anything else");
  add("nms-iou", po::value(&thresholds.nms_iou),
      "of two of a class that overlap by more the better one is kept");
  add("most-detections", po::value(&thresholds.most_detections), "an image");
  return options;
}

}  // namespace lanner::tools
