#pragma once

#include <string>

#include "lanner/datasets/images/strong_view_options.h"

// Options of training on unlabeled images. A plain struct, without LibTorch.
namespace lanner::detectors {

struct PseudoLabelOptions {
  double burn_in = 0.3;
  double weight = 1;
  double min_score = 0.3;
  double max_score = 0.95;
  int window = 500;
  int jitters = 0;
  double jitter = 0.06;
  double max_spread = 0.02;
  bool soft_background = true;
  std::string truth{};
  datasets::StrongViewOptions strong{};

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.burn_in, {.name = "burn_in",
                      .help = "fraction of the run that is on labels alone, until the teacher "
                              "knows something",
                      .limits = from_and_below(0, 1)});
    field(o.weight,
          {.name = "weight", .help = "weight of the losses on pseudo-labels", .limits = above(0)});
    field(o.min_score, {.name = "min_score",
                        .help = "lowest score that a class's threshold may fall to",
                        .limits = between(0, 1)});
    field(o.max_score, {.name = "max_score",
                        .help = "highest score that a class's threshold may rise to",
                        .limits = between(0, 1)});
    field(o.window, {.name = "window",
                     .help = "last views by whose scores the thresholds are chosen",
                     .limits = at_least(50)});
    field(o.jitters, {.name = "jitters",
                      .help = "moved copies of a pseudo-box by which its place is judged, two or "
                              "more; 0: box regression learns from all",
                      .limits = between(0, 100)});
    field(o.jitter, {.name = "jitter",
                     .help = "standard deviation of the copies, as a fraction of the box's sides",
                     .limits = above(0)});
    field(o.max_spread, {.name = "max_spread",
                         .help = "maximum standard deviation of where the teacher moves the copies "
                                 "to, as a fraction of the box's sides, for box regression",
                         .limits = above(0)});
    field(o.soft_background, {.name = "soft_background",
                              .help = "weight background RoIs by the teacher's own background "
                                      "score"});
    field(o.truth, {.name = "truth",
                    .help = "DATA[:SPLIT] with labels of unlabelled images, by file name, to "
                            "measure pseudo-labels by; nothing is learned from it"});
    field(o.strong, {.name = "strong"});
  }
};

}  // namespace lanner::detectors
