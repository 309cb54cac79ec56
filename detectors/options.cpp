#include "lanner/detectors/options.h"

#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ResizeOptions, min_size, max_size)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Normalisation, mean, std)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Category, id, name)
}  // namespace lanner::datasets

namespace lanner::detectors {

void to_json(nlohmann::json& json, Norm norm) { json = name_of(norm); }
void from_json(const nlohmann::json& json, Norm& norm) {
  norm = norm_from_name(json.get<std::string>());
}
// With defaults: what later versions added is absent from the checkpoints of earlier ones.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(BackboneOptions, depth, norm, norm_eps, fpn_stages,
                                                fpn_channels, fpn_norm, fpn_pool, trainable_stages)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AnchorOptions, sizes, ratios)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RpnOptions, positive_iou, negative_iou,
                                                sampled_anchors, positive_fraction, pre_nms_train,
                                                pre_nms_test, post_nms_train, post_nms_test,
                                                nms_iou, conv_depth)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RoiOptions, positive_iou, sampled_rois,
                                                positive_fraction, pooled_size, sampling_ratio,
                                                head_convs, head_width, score_threshold, nms_iou,
                                                most_detections)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DetectorOptions, model, backbone, anchors, rpn, roi, resize,
                                   normalisation, categories)

namespace {

constexpr const char* kNorms[] = {"frozen_batch", "batch", "group", "layer"};

void expect(bool fine, const std::string& option, const std::string& expected,
            const std::string& got) {
  if (!fine) throw usage_error(option + ": expected " + expected + ", got " + got);
}

}  // namespace

void DetectorOptions::check() const {
  expect(model == "faster_rcnn", "model", "faster_rcnn", "\"" + model + "\"");
  const int depth = backbone.depth;
  expect(depth == 18 || depth == 34 || depth == 50 || depth == 101, "backbone",
         "resnet18, 34, 50 or 101", "resnet" + std::to_string(depth));
  expect(!backbone.fpn_stages.empty(), "fpn-stages", "at least one of 1..4", "none");
  for (const int stage : backbone.fpn_stages)
    expect(stage >= 1 && stage <= 4, "fpn-stages", "stages 1..4", std::to_string(stage));
  for (size_t i = 1; i < backbone.fpn_stages.size(); ++i)
    expect(backbone.fpn_stages[i] == backbone.fpn_stages[i - 1] + 1, "fpn-stages",
           "stages that follow one another",
           std::to_string(backbone.fpn_stages[i - 1]) + " then " +
               std::to_string(backbone.fpn_stages[i]));
  expect(backbone.fpn_channels > 0, "fpn-channels", "a positive number",
         std::to_string(backbone.fpn_channels));
  const size_t levels = backbone.fpn_stages.size() + (backbone.fpn_pool ? 1 : 0);
  expect(anchors.sizes.size() == levels, "anchor-sizes",
         "a list for each of the " + std::to_string(levels) + " FPN levels",
         std::to_string(anchors.sizes.size()));
  for (const auto& level : anchors.sizes) {
    expect(level.size() == anchors.sizes[0].size() && !level.empty(), "anchor-sizes",
           "as many sizes on every level", std::to_string(level.size()));
    for (const double size : level)
      expect(size > 0, "anchor-sizes", "positive numbers", std::to_string(size));
  }
  expect(!anchors.ratios.empty(), "anchor-ratios", "at least one", "none");
  expect(resize.min_size > 0 && resize.max_size >= resize.min_size, "min-size",
         "0 < min-size <= max-size",
         std::to_string(resize.min_size) + " and " + std::to_string(resize.max_size));
  for (const double ratio : anchors.ratios)
    expect(ratio > 0, "anchor-ratios", "positive numbers", std::to_string(ratio));
  for (const auto& [option, count] : {std::pair{"proposals", rpn.post_nms_train},
                                      {"post_nms_test", rpn.post_nms_test},
                                      {"pre_nms_train", rpn.pre_nms_train},
                                      {"pre_nms_test", rpn.pre_nms_test},
                                      {"sampled_anchors", rpn.sampled_anchors},
                                      {"rpn.conv_depth", rpn.conv_depth},
                                      {"sampled-rois", roi.sampled_rois},
                                      {"most_detections", roi.most_detections}})
    expect(count > 0, option, "a positive number", std::to_string(count));
  for (const auto& [option, part] : {std::pair{"rpn.positive_iou", rpn.positive_iou},
                                     {"rpn.negative_iou", rpn.negative_iou},
                                     {"rpn.positive_fraction", rpn.positive_fraction},
                                     {"rpn.nms_iou", rpn.nms_iou},
                                     {"roi.positive_iou", roi.positive_iou},
                                     {"roi.positive_fraction", roi.positive_fraction},
                                     {"roi.score_threshold", roi.score_threshold},
                                     {"roi.nms_iou", roi.nms_iou}})
    expect(part >= 0 && part <= 1, option, "0 to 1", std::to_string(part));
  for (const float deviation : normalisation.std)
    expect(deviation > 0, "normalisation.std", "positive numbers", std::to_string(deviation));
  expect(backbone.trainable_stages >= 0 && backbone.trainable_stages <= 5, "trainable-stages",
         "0 to 5", std::to_string(backbone.trainable_stages));
  expect(backbone.norm_eps >= 0 && backbone.norm_eps < 1, "norm_eps", "0 to 1",
         std::to_string(backbone.norm_eps));
  expect(rpn.conv_depth <= 16 && roi.head_convs >= 0 && roi.head_convs <= 16, "head_convs",
         "0 to 16, and rpn.conv_depth 1 to 16",
         std::to_string(roi.head_convs) + " and " + std::to_string(rpn.conv_depth));
  expect(roi.pooled_size > 0 && roi.head_width > 0, "head-width", "a positive number",
         std::to_string(roi.head_width));
  expect(!categories.empty(), "num_classes", "at least one class", "none");
}

std::string to_json(const DetectorOptions& options) {
  return nlohmann::json(options).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

DetectorOptions options_from_json(const std::string& json, const std::string& source) {
  try {
    auto options = nlohmann::json::parse(json).get<DetectorOptions>();
    options.check();
    return options;
  } catch (const nlohmann::json::exception& error) {
    throw bad_data(source + ": architecture: " + error.what());
  } catch (const Error& error) {
    throw bad_data(source + ": architecture: " + error.what());
  }
}

void set_backbone(BackboneOptions& options, const std::string& name) {
  for (const int depth : {18, 34, 50, 101})
    if (const std::string plain = "resnet" + std::to_string(depth);
        name == plain || name == plain + "-fpn") {
      options.depth = depth;
      return;
    }
  throw usage_error(
      "backbone: expected resnet18-fpn, resnet34-fpn, resnet50-fpn or resnet101-fpn, got \"" +
      name + "\"");
}

std::string backbone_name(const BackboneOptions& options) {
  return "resnet" + std::to_string(options.depth) + "-fpn";
}

Norm norm_from_name(const std::string& name) {
  for (int i = 0; i < 4; ++i)
    if (name == kNorms[i]) return static_cast<Norm>(i);
  throw usage_error("norm: expected frozen_batch, batch, group or layer, got \"" + name + "\"");
}

std::string name_of(Norm norm) { return kNorms[static_cast<int>(norm)]; }

}  // namespace lanner::detectors
