#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/images/augment_options.h"
#include "lanner/detectors/options.h"
#include "lanner/detectors/pseudo_labels/options.h"
#include "lanner/detectors/training/loop_options.h"

// Options of `lanner train`. Plain structs, without LibTorch.
namespace lanner::detectors {

struct TrainOptions {
  std::string data, val;
  std::filesystem::path image_root;
  std::filesystem::path init;
  double init_lr = 1;
  // At 1 and a learning rate of 0.02 offsets soon point outside the image, where features are 0.
  double offset_lr = 0.1;
  int evaluations = 10;
  bool val_loss = false;
  double image_cache = 0;
  std::vector<std::filesystem::path> unlabelled{};
  double unlabelled_ratio = 1;
  DetectorOptions detector;  // its categories are read from the data
  datasets::AugmentOptions augment;
  PseudoLabelOptions pseudo;
  LoopOptions loop;

  void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.data, {.name = "data",
                   .help = "DATA[:SPLIT] to train on: any format in docs/data.md; several, "
                           "separated by commas",
                   .required = true});
    field(o.val, {.name = "val", .help = "DATA[:SPLIT] on which the best weights are chosen"});
    field(o.image_root,
          {.name = "image_root", .help = "folder of a COCO file's images, if not beside it"});
    field(o.init,
          {.name = "init",
           .help = "weights to start from: of lanner pretrain or train, or converted from "
                   "torchvision; of a detector, FPN, RPN and head are taken where they fit"});
    field(o.init_lr, {.name = "init_lr",
                      .help = "learning rate factor of the weights loaded by --init",
                      .limits = above(0)});
    field(o.offset_lr, {.name = "offset_lr",
                        .help = "learning rate factor of the layers that predict offsets",
                        .limits = above(0)});
    field(o.evaluations, {.name = "evaluations",
                          .help = "evaluations on val, evenly spaced over the run",
                          .limits = at_least(0)});
    field(o.val_loss, {.name = "val_loss", .help = "measure the losses on val, too"});
    field(o.image_cache, {.name = "image_cache",
                          .help = "gigabytes of decoded images kept in memory; as many again of "
                                  "unlabelled ones",
                          .limits = at_least(0)});
    field(o.unlabelled,
          {.name = "unlabelled",
           .help = "folders of images without labels, or lists of them (*.txt), to learn from what "
                   "the average of the weights sees there"});
    field(o.unlabelled_ratio, {.name = "unlabelled_ratio",
                               .help = "unlabelled images per labeled one in a step",
                               .limits = {.min = 0, .max = 100, .excludes_min = true}});
    field(o.detector, {.help = "detector"});
    field(o.augment, {.help = "augmentation"});
    field(o.pseudo, {.name = "pseudo", .help = "training on unlabelled images"});
    field(o.loop, {.help = "training loop"});
  }
};

}  // namespace lanner::detectors
