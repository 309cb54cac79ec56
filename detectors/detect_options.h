#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lanner::detectors {

// What a detector keeps of what it finds. Negative: what its weights say.
struct Thresholds {
  double score = -1;         // 0..1
  double nms_iou = -1;       // 0..1: of two of a class that overlap by more one is kept
  int most_detections = -1;  // an image
  void check() const;        // throws usage_error
};

// What `lanner detect` is told. Plain struct, without LibTorch.
struct DetectOptions {
  std::filesystem::path weights;
  std::vector<std::string> sources;  // images, folders, globs, videos, camera numbers, addresses
  std::filesystem::path out;
  std::filesystem::path save_json;  // empty: out/detections.json
  bool save_video = false;
  bool show_offsets = false;       // draw where deformable layers sample, into out/offsets
  std::string precision = "fp32";  // or bf16
  double conf = 0.5;               // what is drawn and saved
  Thresholds thresholds;
  std::string device = "cpu";
};

}  // namespace lanner::detectors
