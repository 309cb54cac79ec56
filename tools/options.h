#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "lanner/detectors/inference/options.h"
#include "lanner/detectors/quantization/options.h"

// Options of commands that only the program has, not the library. Plain structs that need no
// LibTorch.
namespace lanner::tools {

// `lanner runs`.
struct RunsOptions {
  std::filesystem::path dir;

  static void visit(auto& o, auto&& field) {
    field(o.dir, {.name = "dir", .help = "folder of run folders", .required = true});
  }
};

// `lanner eval`: evaluates a model on a data set, or a file of detections against annotations.
struct EvalOptions {
  std::filesystem::path weights;
  std::string data;
  std::filesystem::path image_root;
  std::string annotations;
  std::filesystem::path detections;
  std::string metric = "coco";
  double iou = 0.5;
  bool errors = false;
  std::filesystem::path metrics_json, save_detections, report;
  std::string device = "cpu";
  int batch_size = 1;
  int workers = 2;
  std::string amp = "false";
  detectors::Thresholds thresholds;
  detectors::SamplingChoice sampling;

  bool uses_model() const { return !weights.empty() && !data.empty(); }
  void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.weights, {.name = "weights", .help = "a detector, as lanner train writes it"});
    field(o.data, {.name = "data", .help = "DATA[:SPLIT] to evaluate it on"});
    field(o.image_root,
          {.name = "image_root", .help = "folder of a COCO file's images, if not beside it"});
    field(o.annotations, {.name = "annotations",
                          .help = "COCO .json or DATA[:SPLIT], instead of weights and data"});
    field(o.detections, {.name = "detections",
                         .help = "results to evaluate against the annotations: COCO .json, or a "
                                 "folder of VOC's text files"});
    field(o.metric,
          {.name = "metric",
           .help = "COCO's twelve metrics, the 11-point mAP of VOC 2007, or VOC's mAP by area",
           .choices = {"coco", "voc07", "voc"}});
    field(o.iou, {.name = "iou",
                  .help = "minimum IoU of a match, for VOC's metrics, F1, curves and errors",
                  .limits = above_and_up_to(0, 1)});
    field(o.errors, {.name = "errors",
                     .help = "also print kinds of errors with their cost in AP, and confused "
                             "classes"});
    field(o.metrics_json, {.name = "metrics_json", .help = "file for the metrics, as fractions"});
    field(o.save_detections, {.name = "save_detections",
                              .help = "COCO .json, or folder for VOC's text files, to write the "
                                      "detections to"});
    field(o.report, {.name = "report",
                     .help = ".html file for curves, errors and the worst images; requires "
                             "--weights and --data"});
    field(o.device, {.name = "device", .help = "cpu, cuda or cuda:N"});
    field(o.batch_size, {.name = "batch_size", .help = "images per batch", .limits = at_least(1)});
    field(o.workers,
          {.name = "workers", .help = "threads that load images", .limits = between(1, 256)});
    field(o.amp, {.name = "amp",
                  .help = "bfloat16 autocast; auto measures which is faster on this machine",
                  .choices = {"true", "false", "auto"}});
    field(o.thresholds, {.help = "thresholds; default: as stored with the weights"});
    field(o.sampling, {.help = "sampling of a diffusion model; default: as stored"});
  }
};

// `lanner quantize`.
struct QuantizeOptions {
  std::filesystem::path weights, out;
  std::string data;
  std::filesystem::path image_root, images;
  bool evaluate = true;
  int workers = 2;
  detectors::CalibrationOptions calibration;

  void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.weights,
          {.name = "weights", .help = "a detector, as lanner train writes it", .required = true});
    field(o.data, {.name = "data", .help = "DATA[:SPLIT] whose images the ranges are measured on"});
    field(o.image_root,
          {.name = "image_root", .help = "folder of a COCO file's images, if not beside it"});
    field(o.images, {.name = "images", .help = "folder of images, instead of data"});
    field(o.out, {.name = "out", .help = "file for the quantized detector", .required = true});
    field(o.evaluate,
          {.name = "evaluate", .help = "with data: its AP before and after, on all of its images"});
    field(o.workers,
          {.name = "workers", .help = "threads that load images", .limits = between(1, 256)});
    field(o.calibration, {.help = "calibration"});
  }
};

// `lanner bench`.
struct BenchOptions {
  std::string what;
  int64_t threads = 0;
  int64_t runs = 7;
  std::filesystem::path json;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.what, {.name = "what",
                   .help = "the benchmark to run",
                   .choices = {"ops", "detect", "train", "pretrain", "rois", "eval", "loader"},
                   .required = true});
    field(o.threads, {.name = "threads",
                      .help = "threads of LibTorch; 0: LibTorch's default",
                      .limits = between(0, 1024)});
    field(o.runs, {.name = "runs",
                   .help = "repetitions, of which the median is shown",
                   .limits = between(1, 1000)});
    field(o.json, {.name = "json", .help = "file for the results"});
  }
};

// `lanner models`.
struct ModelsOptions {
  int64_t height = 800, width = 1088;
  int64_t classes = 80;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.height, {.name = "height",
                     .help = "image height in pixels for which GFLOPs are counted",
                     .limits = between(1, 10000)});
    field(o.width, {.name = "width",
                    .help = "image width in pixels for which GFLOPs are counted",
                    .limits = between(1, 10000)});
    field(o.classes, {.name = "classes",
                      .help = "number of classes of the detectors",
                      .limits = between(1, 10000)});
  }
};

}  // namespace lanner::tools
