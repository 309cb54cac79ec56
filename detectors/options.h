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
};

struct BackboneOptions {
  int depth = 50;  // ResNet-18, 34, 50 or 101
  Norm norm = Norm::batch;
  double norm_eps = 1e-5;  // 0 for torchvision's published fasterrcnn_resnet50_fpn
  std::vector<int> fpn_stages{1, 2, 3,
                              4};  // ResNet stages 1..4, of strides 4, 8, 16, 32, in the FPN
  int64_t fpn_channels = 256;
  bool fpn_norm = false;     // batch norm after the FPN's convolutions, which then have no bias
  bool fpn_pool = true;      // one level more, of every second cell of the last
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
  int64_t conv_depth = 1;  // 3x3 convolutions before the predictions
};

struct RoiOptions {
  double positive_iou = 0.5;
  int64_t sampled_rois = 512;  // an image
  double positive_fraction = 0.25;
  int64_t pooled_size = 7;
  int64_t sampling_ratio = 2;
  int64_t head_convs =
      0;  // 3x3 convolutions with batch norm, and one fully connected layer; 0: two
  int64_t head_width = 1024;  // of the fully connected layers
  double score_threshold = 0.05;
  double nms_iou = 0.5;
  int64_t most_detections = 100;  // an image
};

struct DetectorOptions {
  std::string model = "faster_rcnn";
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

// "resnet18-fpn": sets depth. Throws usage_error for an unknown name.
void set_backbone(BackboneOptions& options, const std::string& name);
std::string backbone_name(const BackboneOptions& options);

Norm norm_from_name(const std::string& name);  // throws usage_error
std::string name_of(Norm norm);

}  // namespace lanner::detectors
