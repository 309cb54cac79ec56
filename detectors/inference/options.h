#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/fields.h"
#include "lanner/detectors/thresholds.h"

namespace lanner::detectors {

// Options of `lanner detect`. A plain struct, without LibTorch.
struct DetectOptions {
  std::filesystem::path weights;
  std::vector<std::string> source;
  std::filesystem::path out;
  std::filesystem::path save_json;
  bool save_video = false;
  bool show_offsets = false;
  std::string precision = "fp32";
  double conf = 0.5;
  std::string device = "cpu";
  Thresholds thresholds;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.weights,
          {.name = "weights", .help = "a detector, as lanner train writes it", .required = true});
    field(o.source, {.name = "source",
                     .help = "images, folders, patterns, videos, camera numbers, stream addresses",
                     .required = true});
    field(o.out, {.name = "out",
                  .help = "folder for annotated images, videos and detections.json",
                  .required = true});
    field(o.conf, {.name = "conf",
                   .help = "minimum score of a detection that is drawn and saved",
                   .limits = between(0, 1)});
    field(o.save_json,
          {.name = "save_json", .help = "file for the results; default: OUT/detections.json"});
    field(o.save_video,
          {.name = "save_video", .help = "write each video with its detections drawn"});
    field(o.show_offsets, {.name = "show_offsets",
                           .help = "draw where deformable layers sample, into OUT/offsets"});
    field(o.precision, {.name = "precision",
                        .help = "arithmetic; bf16 is faster, scores change in the third digit",
                        .choices = {"fp32", "bf16"}});
    field(o.device, {.name = "device", .help = "cpu, cuda or cuda:N"});
    field(o.thresholds, {.help = "thresholds; default: as stored with the weights"});
  }
};

}  // namespace lanner::detectors
