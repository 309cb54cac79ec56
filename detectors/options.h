#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/options.h"

// What a detector is made of. Plain structs, without LibTorch; they travel in checkpoints as JSON.
namespace lanner::detectors {

enum class Norm {
  frozen_batch,  // batch norm of fixed statistics and weights: for pretrained backbones
  batch,
  group,  // 32 groups
  layer,  // one group over all channels: needs no batch and no fixed size
  none,   // a scale and a shift that are learned, no statistics
};

// What stands between a ResNet and the two stages of a detector.
enum class Neck {
  fpn,  // a pyramid (arXiv 1612.03144)
  c4,   // none: both read stage 3, of stride 16, and stage 4 is the RoI head's
  dc5,  // the RPN reads stage 3, the RoI head stage 4, which is dilated and so of stride 16 as well
};

// Deformable 3x3 convolutions (arXiv 1703.06211): each has one of its own beside it that gives the
// offsets, and is zero at first.
struct DeformableOptions {
  std::vector<int> stages{};  // of the ResNet, 1..4, whose 3x3 convolutions are deformable
  int64_t groups = 1;         // of channels that share offsets; 4 in the paper's own code
  bool modulated = false;     // every sample is weighted too, 0..2 (arXiv 1811.11168)
};

struct BackboneOptions {
  int depth = 50;  // ResNet-18, 34, 50, 101 or 152
  // Of the 3x3 convolutions of bottlenecks, channels of a group at stage 1: 32 and 4 are ResNeXt-50
  // 32x4d's, 1 and 128 a wide ResNet's.
  int64_t groups = 1, group_width = 64;
  Neck neck = Neck::fpn;
  Norm norm = Norm::batch;
  double norm_eps = 1e-5;  // 0 for torchvision's published fasterrcnn_resnet50_fpn
  std::vector<int> fpn_stages{1, 2, 3,
                              4};  // ResNet stages 1..4, of strides 4, 8, 16, 32, in the FPN
  int64_t fpn_channels = 256;
  bool fpn_norm = false;       // batch norm after the FPN's convolutions, which then have no bias
  bool fpn_pool = true;        // one level more, of every second cell of the last
  int64_t dc5_channels = 256;  // of stage 4 after a 1x1 convolution: 1024 for R-FCN
  DeformableOptions deformable{};
  int trainable_stages = 5;  // counted from the end: 5 trains all, 3 freezes the stem and stage 1
};

struct AnchorOptions {
  std::vector<std::vector<double>> sizes{
      {32}, {64}, {128}, {256}, {512}};       // pixels, a list a level
  std::vector<double> ratios{0.5, 1.0, 2.0};  // height / width
};

struct RpnOptions {
  double positive_iou = 0.7, negative_iou = 0.3;
  int64_t sampled_anchors = 256;  // an image
  double positive_fraction = 0.5;
  int64_t pre_nms_train = 2000, pre_nms_test = 1000;  // a level
  int64_t post_nms_train = 2000, post_nms_test = 1000;
  double nms_iou = 0.7;
  int64_t conv_depth = 1;     // 3x3 convolutions before the predictions
  int64_t conv_channels = 0;  // of theirs; 0: as many as the features have
};

// The RoIs of an image that a training step learns from.
enum class Sampling {
  balanced,  // drawn at random, positive_fraction of them positive
  ohem,      // of all RoIs those of the greatest loss (arXiv 1605.06409, section 2.2)
};

enum class Pooling { roi_align, roi_pool };  // R-FCN takes their position-sensitive forms

struct RoiOptions {
  double positive_iou = 0.5;
  Sampling sampling = Sampling::balanced;
  int64_t sampled_rois = 512;  // an image
  double positive_fraction = 0.25;
  Pooling pooling = Pooling::roi_align;
  bool deformable = false;  // bins are moved by learned offsets (arXiv 1703.06211, section 2.2)
  int64_t pooled_size = 7;  // R-FCN's k
  int64_t sampling_ratio = 2;
  // 3x3 convolutions: of the pooled RoIs, with batch norm, and then one fully connected layer in
  // place of two; in R-FCN of the features, without norm, before its maps.
  int64_t head_convs = 0;
  int64_t head_width = 1024;  // of the fully connected layers; in R-FCN of the convolutions
  double beta = 1. / 9;       // of the smooth L1 loss of boxes: below it that is quadratic
  double score_threshold = 0.05;
  double nms_iou = 0.5;
  int64_t most_detections = 100;  // an image
};

struct DetectorOptions {
  std::string model = "faster_rcnn";  // or rfcn
  BackboneOptions backbone;
  AnchorOptions anchors;
  RpnOptions rpn;
  RoiOptions roi;
  datasets::ResizeOptions resize;
  datasets::Normalisation normalisation;
  std::vector<datasets::Category> categories;  // labels 1..C

  // Throws usage_error naming the option that makes no sense.
  void check() const;
};

std::string to_json(const DetectorOptions& options);
// Throws bad_data; `source` is named in the message.
DetectorOptions options_from_json(const std::string& json, const std::string& source);

// "resnet18-fpn", "resnet50-c4", "resnet101-dc5", or without the neck: sets depth and neck. Where
// the number of levels changes the anchors follow: all sizes on one, or one a level. Throws
// usage_error for an unknown name.
void set_backbone(DetectorOptions& options, const std::string& name);
std::string backbone_name(const BackboneOptions& options);
int resnet_depth(const std::string& name);  // of "resnet18"; throws usage_error

// The names of enumerators as options give them. Throws usage_error.
Norm norm_from_name(const std::string& name);
Sampling sampling_from_name(const std::string& name);
Pooling pooling_from_name(const std::string& name);
std::string name_of(Norm norm);
std::string name_of(Sampling sampling);
std::string name_of(Pooling pooling);

}  // namespace lanner::detectors
