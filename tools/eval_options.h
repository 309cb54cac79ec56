#pragma once

#include <filesystem>
#include <string>

#include "lanner/detectors/detect_options.h"

namespace lanner::tools {

// What `lanner eval` is told: a model and data, or two files.
struct EvalOptions {
  std::filesystem::path weights;
  std::string data;
  std::filesystem::path image_root;
  std::string annotations;           // a COCO file, or DATA[:SPLIT]
  std::filesystem::path detections;  // a COCO file, or a folder of VOC's text files
  std::string metric = "coco";       // coco, voc07 (eleven points) or voc (area)
  double iou = 0.5;                  // of VOC's metrics, the classes' curves and the errors
  bool errors = false;
  std::filesystem::path metrics_json, save_detections, report;
  detectors::Thresholds thresholds;
  std::string device = "cpu";
  int batch_size = 1;
  int workers = 2;
  std::string amp = "false";
};

}  // namespace lanner::tools
