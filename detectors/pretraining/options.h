#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lanner/detectors/backbones/options.h"
#include "lanner/detectors/training/loop_options.h"
#include "lanner/ops/api.h"

// Options of `lanner pretrain` and `lanner probe`. Plain structs, without LibTorch.
namespace lanner::detectors {

// How patches are cut from an image, and how each is changed on its own, so that neither colors nor
// edges tell which image it is from.
struct PatchOptions {
  int size = 48, stride = 24;  // 5 x 5 patches of 144 pixels
  double crop = 1;
  double flip = 0;
  double one_channel = 0;
  double gray = 0.25;
  double contrast = 0.3;
  double brightness = 0.3;

  // Patches per column, and per row, of a square image.
  int rows(int image_size) const { return (image_size - size) / stride + 1; }

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.size, {.name = "size", .help = "side of a patch in pixels", .limits = at_least(16)});
    field(o.stride,
          {.name = "stride", .help = "distance between patches in pixels", .limits = at_least(1)});
    field(o.crop, {.name = "crop",
                   .help = "side of the random part of each patch that is kept, as a fraction",
                   .limits = above_and_up_to(0, 1)});
    field(o.flip,
          {.name = "flip", .help = "probability of a horizontal flip", .limits = between(0, 1)});
    field(o.one_channel, {.name = "one_channel",
                          .help = "probability that one color channel replaces all three",
                          .limits = between(0, 1)});
    field(o.gray, {.name = "gray", .help = "probability of grayscale", .limits = between(0, 1)});
    field(o.contrast, {.name = "contrast",
                       .help = "maximum relative change of each channel's contrast",
                       .limits = between(0, 1)});
    field(o.brightness, {.name = "brightness",
                         .help = "maximum shift of each channel, in standard deviations",
                         .limits = at_least(0)});
  }
};

// Region pretraining: which boxes are compared, and what of a detector is trained.
struct RegionOptions {
  int view_size = 224;
  double min_view = 0.6;
  double min_side = 0.06, max_side = 0.45;
  int candidates = 32;
  int boxes = 8;
  bool rare = true;
  double same = 0.7;
  double target_decay = 0.99;
  std::vector<int> fpn_stages{2, 3, 4};
  int64_t fpn_channels = 0;
  int64_t head_width = 256;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.view_size, {.name = "view_size",
                        .help = "side of the two views of an image in pixels",
                        .limits = between(32, 4096)});
    field(o.min_view, {.name = "min_view",
                       .help = "minimum side of a view, as a fraction of the image crop's",
                       .limits = above_and_up_to(0.5, 1)});
    field(o.min_side, {.name = "min_side",
                       .help = "minimum side of a box, as a fraction of the image crop's",
                       .limits = above_and_up_to(0, 1)});
    field(o.max_side, {.name = "max_side",
                       .help = "maximum side of a box, as a fraction of the image crop's",
                       .limits = above_and_up_to(0, 1)});
    field(o.candidates, {.name = "candidates",
                         .help = "random boxes per image, of which some are compared",
                         .limits = at_least(1)});
    field(o.boxes,
          {.name = "boxes", .help = "boxes per image that are compared", .limits = at_least(1)});
    field(o.rare,
          {.name = "rare", .help = "choose boxes more often the fewer others look like them"});
    field(o.same, {.name = "same",
                   .help = "cosine of features above which two boxes show the same thing, and are "
                           "no negatives; 1: none",
                   .limits = between(-1, 1)});
    field(o.target_decay, {.name = "target_decay",
                           .help = "decay of the average of the weights that makes the targets",
                           .limits = from_and_below(0, 1)});
    field(o.fpn_stages, {.name = "fpn_stages",
                         .help = "consecutive ResNet stages in the FPN, as in the detector",
                         .limits = between(1, 4)});
    field(o.fpn_channels, {.name = "fpn_channels",
                           .help = "channels of each FPN level, as in the detector; 0: as lanner "
                                   "train --preset auto has them for the width",
                           .limits = at_least(0)});
    field(o.head_width, {.name = "head_width",
                         .help = "width of the head's fully connected layers, as in the detector",
                         .limits = at_least(1)});
  }
};

struct PretrainOptions {
  std::vector<std::filesystem::path> images;
  std::filesystem::path init;
  std::string objective = "cpc";
  std::string backbone = "resnet18";
  int64_t width = 64;
  int stages = 0;
  Norm norm = Norm::layer;  // batch norm would leak between patches
  int image_size = 0;
  double min_crop = 0.5;
  PatchOptions patch{};
  std::string context = "conv";
  int first_distance = 2, last_distance = 3;  // at 1 half of the predicted patch has been seen
  int directions = 4;
  int negatives = 0;
  int embedding = 64;
  double temperature = 0.1;
  bool show = false;
  RegionOptions regions{};
  LoopOptions loop{.epochs = 100,
                   .batch_size = 16,
                   .optimizer = "adamw",
                   .lr = 1e-3,
                   .weight_decay = 1e-4,
                   .schedule = "cosine"};

  // What 0 stands for.
  int built_stages() const { return stages > 0 ? stages : objective == "regions" ? 4 : 3; }
  int crop_size() const { return image_size > 0 ? image_size : objective == "regions" ? 288 : 144; }

  void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.images,
          {.name = "images", .help = "folders of images, searched recursively", .required = true});
    field(o.objective, {.name = "objective",
                        .help = "contrastive objective: predict patches, match two views of an "
                                "image, or match regions in two views",
                        .choices = {"cpc", "simclr", "regions"}});
    field(o.backbone,
          {.name = "backbone", .help = "resnet18, resnet34, resnet50, resnet101 or resnet152"});
    field(o.width, {.name = "width",
                    .help = "channels of the stem, 64 as published; a power of 2",
                    .limits = between(8, 256)});
    field(o.init, {.name = "init", .help = "backbone weights to start from"});
    field(o.stages, {.name = "stages",
                     .help = "stages of the backbone that are trained; 0: 3, with regions 4",
                     .limits = between(0, 4)});
    field(o.norm, {.name = "norm", .help = "normalization layers of the backbone"});
    field(o.image_size, {.name = "image_size",
                         .help = "side of the square crops in pixels; 0: 144, with regions 288",
                         .limits = between(0, 4096)});
    field(o.min_crop, {.name = "min_crop",
                       .help = "minimum side of a crop, as a fraction of the image's short side",
                       .limits = above_and_up_to(0, 1)});
    field(o.context, {.name = "context",
                      .help = "context network of CPC: masked convolutions or a GRU",
                      .choices = {"conv", "gru"}});
    field(o.first_distance, {.name = "first_distance",
                             .help = "distance in rows of the nearest predicted patch",
                             .limits = at_least(1)});
    field(o.last_distance, {.name = "last_distance",
                            .help = "distance in rows of the farthest predicted patch",
                            .limits = at_least(1)});
    field(o.directions, {.name = "directions",
                         .help = "directions of prediction: 1 (down) or 4 (down, up, left, right)",
                         .limits = between(1, 4)});
    field(o.negatives, {.name = "negatives",
                        .help = "negatives per prediction; 0: all other patches of the batch",
                        .limits = at_least(0)});
    field(o.embedding, {.name = "embedding",
                        .help = "dimensions in which predictions and targets are compared",
                        .limits = at_least(1)});
    field(o.temperature, {.name = "temperature",
                          .help = "temperature of the cosine similarities; 0: dot products times "
                                  "0.1, as in CPC v2",
                          .limits = at_least(0)});
    field(o.show,
          {.name = "show", .help = "draw nearest predictions and nearest images at the end"});
    field(o.patch, {.name = "patch"});
    field(o.regions, {.name = "regions"});
    field(o.loop, {.help = "training loop"});
  }
};

struct ProbeOptions {
  std::vector<std::filesystem::path> weights;
  std::filesystem::path images;
  std::vector<std::filesystem::path> test;
  int seeds = 3;
  int neighbors = 200;
  bool every_stage = false;
  bool patches = false;
  int image_size = 128;
  std::string backbone = "resnet18";
  Norm norm = Norm::frozen_batch;
  std::filesystem::path json;

  LANNER_API void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.weights, {.name = "weights",
                      .help = "backbones: from lanner pretrain, from a detector, or torchvision's",
                      .required = true});
    field(o.images, {.name = "images",
                     .help = "folder with a folder per class, or with such folders named train "
                             "and val, valid, validation or test",
                     .required = true});
    field(o.test, {.name = "test",
                   .help = "test folders; default: those beside train, or a fifth of each class"});
    field(o.seeds, {.name = "seeds",
                    .help = "untrained networks, and choices of the weight decay",
                    .limits = at_least(1)});
    field(o.neighbors,
          {.name = "neighbors", .help = "nearest neighbors that vote", .limits = at_least(1)});
    field(o.every_stage,
          {.name = "every_stage", .help = "probe each stage of the backbone, not the last alone"});
    field(o.patches, {.name = "patches",
                      .help = "average the features of patches, as in CPC, instead of running on "
                              "whole images, as a detector does"});
    field(o.image_size, {.name = "image_size",
                         .help = "image size in pixels for weights that do not record theirs",
                         .limits = between(32, 4096)});
    field(o.backbone,
          {.name = "backbone", .help = "architecture of weights that do not record theirs"});
    field(o.norm,
          {.name = "norm", .help = "normalization layers of weights that do not record theirs"});
    field(o.json, {.name = "json", .help = "file for the results"});
  }
};

}  // namespace lanner::detectors
