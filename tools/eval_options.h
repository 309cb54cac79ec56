#pragma once

#include <filesystem>
#include <string>

namespace lanner::tools {

// What `lanner eval` is told: a model and data, or two files.
struct EvalOptions {
  std::filesystem::path weights;
  std::string data;
  std::filesystem::path image_root;
  std::filesystem::path annotations, detections;
  std::string metric = "coco";  // coco, voc07 (eleven points) or voc (area)
  std::filesystem::path metrics_json;
  std::string device = "cpu";
  int batch_size = 1;
  int workers = 2;
  bool amp = false;
};

}  // namespace lanner::tools
