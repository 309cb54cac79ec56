#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/fields.h"
#include "lanner/datasets/tracking/options.h"
#include "lanner/detectors/diffusion/options.h"
#include "lanner/detectors/thresholds.h"

namespace lanner::detectors {

// What of a video is read.
struct ClipOptions {
  double start = 0, end = 0;
  int64_t every = 1;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.start, {.name = "start",
                    .help = "seconds of a video that are left out at its start",
                    .limits = at_least(0)});
    field(o.end, {.name = "end",
                  .help = "seconds after which a video ends; 0: to its end",
                  .limits = at_least(0)});
    field(o.every, {.name = "every",
                    .help = "every how many frames of a video one is looked at",
                    .limits = at_least(1)});
  }
};

// How an image is looked at.
struct ViewOptions {
  std::vector<double> region;
  int64_t tile = 0;
  double overlap = 0.2;
  bool flip = false;
  std::vector<double> scales{1};

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.region, {.name = "region",
                     .help = "x1,y1,x2,y2 in pixels: the part of each image that is looked at"});
    field(o.tile, {.name = "tile",
                   .help = "side of overlapping tiles that a large image is looked at in, beside "
                           "the whole, in pixels; 0: the whole alone",
                   .limits = at_least(0)});
    field(o.overlap, {.name = "overlap",
                      .help = "part of a tile that it shares with the next",
                      .limits = from_and_below(0, 0.9)});
    field(o.flip, {.name = "flip", .help = "also look at the mirrored image, and merge"});
    field(o.scales, {.name = "scales",
                     .help = "sizes to look at, as multiples of the detector's own, and merge",
                     .limits = above_and_up_to(0, 8)});
  }
};

// Options of `lanner detect`. A plain struct, without LibTorch.
struct DetectOptions {
  std::filesystem::path weights;
  std::vector<std::string> source;
  std::filesystem::path out;
  double conf = 0.5;
  std::vector<std::pair<std::string, double>> class_conf;
  bool save_images = true;
  bool save_video = false;
  bool save_crops = false;
  bool show_offsets = false, show_sampling = false;
  std::filesystem::path save_json, save_jsonl, save_csv;
  std::string save_labels = "none";
  int64_t batch_size = 1;
  std::string precision = "fp32";
  std::string device = "cpu";
  ClipOptions clip;
  ViewOptions view;
  datasets::TrackOptions track;
  Thresholds thresholds;
  SamplingChoice sampling;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.weights,
          {.name = "weights", .help = "a detector, as lanner train writes it", .required = true});
    field(o.source, {.name = "source",
                     .help = "images, folders, patterns, lists (.txt), videos, camera numbers, "
                             "stream addresses, - for a video from standard input",
                     .required = true});
    field(o.out, {.name = "out",
                  .help = "folder for annotated images, videos and detections.json",
                  .required = true});
    field(o.conf, {.name = "conf",
                   .help = "minimum score of a detection that is drawn and saved",
                   .limits = between(0, 1)});
    field(o.class_conf, {.name = "class_conf",
                         .help = "the same for single classes: cat=0.4,dog=0.7",
                         .limits = between(0, 1)});
    field(o.save_images, {.name = "save_images", .help = "write each image with its detections"});
    field(o.save_video,
          {.name = "save_video", .help = "write each video with its detections, and its sound"});
    field(o.save_crops, {.name = "save_crops", .help = "write each detection into OUT/crops"});
    field(o.save_json,
          {.name = "save_json", .help = "file for the results; default: OUT/detections.json"});
    field(o.save_jsonl, {.name = "save_jsonl",
                         .help = "file for a line of JSON per image, as they come; -: stdout"});
    field(o.save_csv,
          {.name = "save_csv", .help = "file for a row per detection, as they come; -: stdout"});
    field(o.save_labels, {.name = "save_labels",
                          .help = "write labels for labeling tools into OUT/labels",
                          .choices = {"none", "coco", "voc", "yolo"}});
    field(o.show_sampling, {.name = "show_sampling",
                            .help = "draw the boxes of each step in which a diffusion model "
                                    "samples, in OUT/sampling"});
    field(o.show_offsets, {.name = "show_offsets",
                           .help = "draw where deformable layers sample, into OUT/offsets"});
    field(o.batch_size, {.name = "batch_size",
                         .help = "images or frames that are looked at together",
                         .limits = at_least(1)});
    field(o.precision,
          {.name = "precision",
           .help = "arithmetic; bf16 is faster with AMX and on AMD's AVX-512, and changes "
                   "scores in the third digit",
           .choices = {"fp32", "bf16"}});
    field(o.device, {.name = "device", .help = "cpu, cuda or cuda:N"});
    field(o.clip, {.help = "videos"});
    field(o.view, {.help = "large images and several looks"});
    field(o.track, {.help = "following objects"});
    field(o.thresholds, {.help = "thresholds; default: as stored with the weights"});
    field(o.sampling, {.help = "sampling of a diffusion model; default: as stored"});
  }
};

}  // namespace lanner::detectors
