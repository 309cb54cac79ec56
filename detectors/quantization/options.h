#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/fields.h"

// Options of quantization. Plain structs, without LibTorch.
namespace lanner::detectors {

struct CalibrationOptions {
  int images = 100;
  std::string range = "minmax";
  double max_error = 0.1;
  std::vector<std::string> float_layers{};

  void check() const { datasets::check_fields(*this); }
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.images, {.name = "count",
                     .help = "images from which the ranges of the layers are measured, evenly "
                             "spaced",
                     .limits = at_least(1)});
    field(o.range, {.name = "range",
                    .help = "range of a layer's values: all that were seen, all but the outermost "
                            "of 10,000, or that of the least squared error",
                    .choices = {"minmax", "percentile", "mse"}});
    field(o.max_error, {.name = "max_error",
                        .help = "maximum relative error of a layer's output; layers above it stay "
                                "as they are",
                        .limits = above(0)});
    field(o.float_layers,
          {.name = "float_layers", .help = "layers that stay as they are: parts of their names"});
  }
};

}  // namespace lanner::detectors
