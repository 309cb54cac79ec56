#include "lanner/detectors/options.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/detect_options.h"

namespace lanner::datasets {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ResizeOptions, min_size, max_size)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Normalisation, mean, std)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Category, id, name)
}  // namespace lanner::datasets

namespace lanner::detectors {

namespace {

template <typename E>
struct Names;  // of an enumeration's values, in their order
template <>
struct Names<Norm> {
  static constexpr const char* option = "norm";
  static constexpr std::array all{"frozen_batch", "batch", "group", "layer", "none"};
};
template <>
struct Names<Neck> {
  static constexpr const char* option = "neck";
  static constexpr std::array all{"fpn", "c4", "dc5"};
};
template <>
struct Names<Sampling> {
  static constexpr const char* option = "sampling";
  static constexpr std::array all{"balanced", "ohem"};
};
template <>
struct Names<Pooling> {
  static constexpr const char* option = "pooling";
  static constexpr std::array all{"roi_align", "roi_pool"};
};

template <typename E>
std::string name_of_value(E value) {
  return Names<E>::all[static_cast<size_t>(value)];
}

template <typename E>
E value_named(const std::string& name) {
  std::string names;
  for (size_t i = 0; i < Names<E>::all.size(); ++i) {
    if (name == Names<E>::all[i]) return static_cast<E>(i);
    names += (i ? ", " : "") + std::string(Names<E>::all[i]);
  }
  throw usage_error(std::string(Names<E>::option) + ": expected one of " + names + ", got \"" +
                    name + "\"");
}

}  // namespace

template <typename E>
concept Named = requires {
  Names<E>::all;
};
template <Named E>
void to_json(nlohmann::json& json, E value) {
  json = name_of_value(value);
}
template <Named E>
void from_json(const nlohmann::json& json, E& value) {
  value = value_named<E>(json.get<std::string>());
}

// With defaults: what later versions added is absent from the checkpoints of earlier ones.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DeformableOptions, stages, groups, modulated)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(BackboneOptions, depth, groups, group_width, neck,
                                                norm, norm_eps, fpn_stages, fpn_channels, fpn_norm,
                                                fpn_pool, dc5_channels, deformable,
                                                trainable_stages)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AnchorOptions, sizes, ratios)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RpnOptions, positive_iou, negative_iou,
                                                sampled_anchors, positive_fraction, pre_nms_train,
                                                pre_nms_test, post_nms_train, post_nms_test,
                                                nms_iou, conv_depth, conv_channels)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RoiOptions, positive_iou, sampling, sampled_rois,
                                                positive_fraction, pooling, deformable, pooled_size,
                                                sampling_ratio, head_convs, head_width, beta,
                                                score_threshold, nms_iou, most_detections)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DetectorOptions, model, backbone, anchors, rpn, roi, resize,
                                   normalisation, categories)

namespace {

// Torchvision's names.
struct KnownResNet {
  const char* name;
  int depth;
  int64_t groups = 1, group_width = 64;
};
constexpr std::array kResNets{KnownResNet{"resnet18", 18},
                              KnownResNet{"resnet34", 34},
                              KnownResNet{"resnet50", 50},
                              KnownResNet{"resnet101", 101},
                              KnownResNet{"resnet152", 152},
                              KnownResNet{"resnext50_32x4d", 50, 32, 4},
                              KnownResNet{"resnext101_32x8d", 101, 32, 8},
                              KnownResNet{"resnext101_64x4d", 101, 64, 4},
                              KnownResNet{"wide_resnet50_2", 50, 1, 128},
                              KnownResNet{"wide_resnet101_2", 101, 1, 128}};

const KnownResNet& resnet_named(const std::string& name) {
  std::string names;
  for (const auto& known : kResNets) {
    if (known.name == name) return known;
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  throw usage_error("backbone: expected one of " + names + ", got \"" + name + "\"");
}

size_t levels_of(const BackboneOptions& backbone) {
  return backbone.neck == Neck::fpn ? backbone.fpn_stages.size() + (backbone.fpn_pool ? 1 : 0) : 1;
}

void expect(bool fine, const std::string& option, const std::string& expected,
            const std::string& got) {
  if (!fine) throw usage_error(option + ": expected " + expected + ", got " + got);
}

}  // namespace

void Thresholds::check() const {
  for (const auto& [option, value] : {std::pair{"score-threshold", score}, {"nms-iou", nms_iou}})
    expect(value == -1 || (value >= 0 && value <= 1), option, "0 to 1", std::to_string(value));
  expect(most_detections >= -1, "most-detections", "0 or more", std::to_string(most_detections));
}

void DetectorOptions::check() const {
  expect(model == "faster_rcnn" || model == "rfcn", "model", "faster_rcnn or rfcn",
         "\"" + model + "\"");
  expect(model != "rfcn" || backbone.neck != Neck::c4, "backbone",
         "one that ends in -dc5 or -fpn: C4 has no maps for R-FCN", backbone_name(backbone));
  const int depth = backbone.depth;
  const bool known = std::any_of(kResNets.begin(), kResNets.end(),
                                 [&](const KnownResNet& resnet) { return resnet.depth == depth; });
  expect(known, "backbone", "resnet18, 34, 50, 101 or 152", "resnet" + std::to_string(depth));
  const bool plain = backbone.groups == 1 && backbone.group_width == 64;
  expect(plain || (depth >= 50 && backbone.groups > 0 && backbone.group_width > 0 &&
                   backbone.groups * backbone.group_width <= 4096),
         "backbone.groups", "1 of 64 channels, or with bottlenecks others",
         std::to_string(backbone.groups) + " of " + std::to_string(backbone.group_width));
  expect(!backbone.fpn_stages.empty(), "fpn-stages", "at least one of 1..4", "none");
  for (const auto& [option, stages] : {std::pair{"fpn-stages", backbone.fpn_stages},
                                       {"deformable-stages", backbone.deformable.stages}})
    for (const int stage : stages)
      expect(stage >= 1 && stage <= 4, option, "stages 1..4", std::to_string(stage));
  for (size_t i = 1; i < backbone.fpn_stages.size(); ++i)
    expect(backbone.fpn_stages[i] == backbone.fpn_stages[i - 1] + 1, "fpn-stages",
           "stages that follow one another",
           std::to_string(backbone.fpn_stages[i - 1]) + " then " +
               std::to_string(backbone.fpn_stages[i]));
  const int built = backbone.neck == Neck::fpn ? backbone.fpn_stages.back() : 4;
  for (const int stage : backbone.deformable.stages)
    expect(stage <= built, "deformable-stages",
           "stages that the FPN reaches, up to " + std::to_string(built), std::to_string(stage));
  for (const auto& [option, channels] :
       {std::pair{"fpn-channels", backbone.fpn_channels}, {"dc5-channels", backbone.dc5_channels}})
    expect(channels > 0, option, "a positive number", std::to_string(channels));
  // The 3x3 convolutions see 64 channels or twice, four times, .. as many.
  const int64_t groups = backbone.deformable.groups;
  expect(groups > 0 && groups <= 64 && (groups & (groups - 1)) == 0, "deformable-groups",
         "1, 2, 4, .. 64", std::to_string(groups));
  expect(anchors.sizes.size() == levels_of(backbone), "anchor-sizes",
         "a list for each of the " + std::to_string(levels_of(backbone)) + " levels of " +
             backbone_name(backbone),
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
  expect(rpn.conv_channels >= 0, "rpn.conv_channels", "0 or a positive number",
         std::to_string(rpn.conv_channels));
  expect(roi.pooled_size > 0 && roi.pooled_size <= 64, "pooled-size", "1 to 64",
         std::to_string(roi.pooled_size));
  expect(roi.beta > 0, "roi.beta", "a positive number", std::to_string(roi.beta));
  expect(model != "rfcn" || !roi.deformable || roi.pooling == Pooling::roi_pool, "pooling",
         "roi_pool, which deformable R-FCN has alone", name_of(roi.pooling));
  expect(roi.head_width > 0, "head-width", "a positive number", std::to_string(roi.head_width));
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

int resnet_depth(const std::string& name) {
  const auto& found = resnet_named(name);
  if (found.group_width != 64)
    throw usage_error("backbone: expected a plain resnet here, got \"" + name + "\"");
  return found.depth;
}

void set_backbone(DetectorOptions& options, const std::string& name) {
  auto& backbone = options.backbone;
  const auto dash = name.find('-');
  if (dash != std::string::npos) {
    const auto neck = name.substr(dash + 1);
    if (neck != "fpn" && neck != "c4" && neck != "dc5")
      throw usage_error("backbone: expected a name that ends in -fpn, -c4 or -dc5, got \"" + name +
                        "\"");
    backbone.neck = value_named<Neck>(neck);
  }
  const auto& found = resnet_named(name.substr(0, dash));
  backbone.depth = found.depth, backbone.groups = found.groups;
  backbone.group_width = found.group_width;
  auto& sizes = options.anchors.sizes;
  const size_t levels = levels_of(backbone);
  if (sizes.size() == levels) return;
  std::vector<double> all;
  for (const auto& level : sizes) all.insert(all.end(), level.begin(), level.end());
  if (levels != 1 && all.size() % levels != 0) return;  // check() will say what is expected
  sizes.assign(levels, {});
  for (size_t i = 0; i < all.size(); ++i) sizes[i * levels / all.size()].push_back(all[i]);
}

std::string backbone_name(const BackboneOptions& options) {
  std::string name = "resnet" + std::to_string(options.depth);
  for (const auto& known : kResNets)
    if (known.depth == options.depth && known.groups == options.groups &&
        known.group_width == options.group_width)
      name = known.name;
  return name + "-" + name_of_value(options.neck);
}

Norm norm_from_name(const std::string& name) { return value_named<Norm>(name); }
Sampling sampling_from_name(const std::string& name) { return value_named<Sampling>(name); }
Pooling pooling_from_name(const std::string& name) { return value_named<Pooling>(name); }
std::string name_of(Norm norm) { return name_of_value(norm); }
std::string name_of(Sampling sampling) { return name_of_value(sampling); }
std::string name_of(Pooling pooling) { return name_of_value(pooling); }

}  // namespace lanner::detectors
