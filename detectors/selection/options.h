#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/fields.h"
#include "lanner/detectors/backbones/options.h"

// Options of `lanner select`. A plain struct, without LibTorch.
namespace lanner::detectors {

// How the next image is chosen by its distance to those that are chosen.
enum class Cover {
  coverage,  // it brings all regions nearest to a chosen one, on average: facility location, greedy
  k_center,  // it holds the region that is farthest from all chosen ones
  k_means,   // at random, by the squared distances of its regions (k-means++)
};

struct SelectOptions {
  std::vector<std::filesystem::path> images;
  int count = 20;
  std::filesystem::path weights;
  std::filesystem::path already;
  std::filesystem::path out;
  std::filesystem::path show;
  std::filesystem::path copy, link;
  Cover cover = Cover::coverage;
  int regions = 4;
  int image_size = 224;
  std::string backbone = "resnet18";
  Norm norm = Norm::frozen_batch;
  uint64_t seed = 0;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.images, {.name = "images",
                     .help = "folders of images, searched recursively, or lists (*.txt)",
                     .required = true});
    field(o.count,
          {.name = "count", .help = "images to choose", .limits = at_least(1), .required = true});
    field(o.weights, {.name = "weights",
                      .help = "backbone whose features tell images apart: of lanner pretrain or "
                              "train, or torchvision's; none: an untrained one"});
    field(o.already, {.name = "already",
                      .help = "list (*.txt) or folder of images that have labels: they need no "
                              "others like them"});
    field(o.out, {.name = "out",
                  .help = "list of the chosen images, a path a line, the first the most wanted",
                  .required = true});
    field(o.show, {.name = "show", .help = "folder for a contact sheet, selection.png"});
    field(o.copy, {.name = "copy", .help = "folder that the chosen images are copied to"});
    field(o.link, {.name = "link", .help = "folder for symbolic links to the chosen images"});
    field(o.cover, {.name = "cover", .help = "how the features are covered"});
    field(o.regions, {.name = "regions",
                      .help = "regions of an image per axis that are compared; 1: whole images",
                      .limits = between(1, 16)});
    field(o.image_size, {.name = "image_size",
                         .help = "short side that images are resized to, in pixels",
                         .limits = between(32, 4096)});
    field(o.backbone,
          {.name = "backbone", .help = "architecture of weights that do not record theirs"});
    field(o.norm,
          {.name = "norm", .help = "normalization layers of weights that do not record theirs"});
    field(o.seed, {.name = "seed", .help = "seed of everything that is random"});
  }
};

}  // namespace lanner::detectors

namespace lanner::datasets {

template <>
struct EnumNames<detectors::Cover> {
  static constexpr std::array values{"coverage", "k_center", "k_means"};
};

}  // namespace lanner::datasets
