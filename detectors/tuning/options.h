#pragma once

#include <string>
#include <vector>

#include "lanner/detectors/training/options.h"

// Options of `lanner tune`. Plain structs, without LibTorch.
namespace lanner::detectors {

// What is tried.
struct SearchOptions {
  double minutes = 60;
  std::vector<double> lrs{};
  std::vector<int> batch_sizes{};
  std::vector<std::string> vary{};

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.minutes, {.name = "minutes",
                      .help = "minutes of training in all trials together",
                      .limits = above(0)});
    field(o.lrs, {.name = "lrs",
                  .help = "learning rates to try; default: 1/4, 1/2, 1, 2 and 4 times --lr",
                  .limits = above(0)});
    field(o.batch_sizes, {.name = "batch_sizes",
                          .help = "batch sizes to try; default: 1/2, 1 and 2 times --batch-size",
                          .limits = at_least(1)});
    field(o.vary, {.name = "vary",
                   .help = "other options to try, such as roi.beta=0.1,0.5 backbone.width=16,32"});
  }
};

struct TuneOptions {
  SearchOptions search;
  TrainOptions train;  // of every trial; max_minutes is that of the run that is predicted

  LANNER_API void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    field(o.search, {.help = "search"});
    field(o.train, {.help = "training"});
  }
};

}  // namespace lanner::detectors
