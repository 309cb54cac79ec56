#pragma once

#include "lanner/detectors/detector.h"
#include "lanner/detectors/presets.h"

namespace lanner::tests {

// A smaller and narrower version of the small preset, which trains in seconds.
inline detectors::DetectorOptions tiny_options(int classes = 2) {
  auto options = detectors::preset("small").options.detector;
  options.backbone.width = 16;
  options.backbone.fpn_channels = 32;
  options.anchors.sizes = {{12, 20}, {32, 48}, {64, 96}};
  options.roi.head_width = 64;
  options.resize = {96, 128};
  for (int i = 0; i < classes; ++i)
    options.categories.push_back({10 * (i + 1), "class" + std::to_string(i + 1)});
  return options;
}

// Small detectors of every kind, by name.
inline std::map<std::string, detectors::DetectorOptions> tiny_detectors() {
  using namespace detectors;
  std::map<std::string, DetectorOptions> all;
  const auto add = [&](const std::string& name, const std::string& backbone, auto change) {
    auto options = tiny_options();
    set_backbone(options, backbone);
    options.backbone.dc5_channels = 32;
    change(options);
    all[name] = options;
  };
  const auto rfcn = [](auto change) {
    return [change](DetectorOptions& o) {
      o.model = "rfcn";
      o.roi.pooled_size = 3;
      change(o);
    };
  };
  add("fpn", "resnet18-fpn", [](auto&) {});
  add("fpn, deformable", "resnet18-fpn", [](auto& o) {
    o.backbone.deformable = {.stages = {3, 4}, .modulated = true};
    o.roi.deformable = true;
  });
  add("c4", "resnet18-c4", [](auto&) {});
  add("c4, roi_pool, frozen", "resnet50-c4", [](auto& o) {
    o.roi.pooling = Pooling::roi_pool;
    o.backbone.norm = Norm::frozen_batch;
  });
  add("dc5, roi_pool", "resnet18-dc5", [](auto& o) {
    o.roi.pooling = Pooling::roi_pool;
    o.rpn.conv_channels = 48;
  });
  add("dc5, deformable", "resnet18-dc5", [](auto& o) {
    o.roi.pooling = Pooling::roi_pool;
    o.roi.deformable = true;
    o.backbone.deformable = {.stages = {4}, .groups = 4};
  });
  add("dc5, ohem", "resnet18-dc5", [](auto& o) { o.roi.sampling = Sampling::ohem; });
  add("rfcn, roi_align", "resnet18-dc5", rfcn([](auto&) {}));
  add("rfcn, roi_pool, ohem", "resnet18-dc5", rfcn([](auto& o) {
        o.roi.pooling = Pooling::roi_pool;
        o.roi.sampling = Sampling::ohem;
        o.roi.pooled_size = 7;
      }));
  add("rfcn, fpn, deformable", "resnet18-fpn", rfcn([](auto& o) {
        o.roi.deformable = true;
        o.roi.pooling = Pooling::roi_pool;
        o.roi.head_convs = 1;
      }));
  add("rfcn, deformable", "resnet18-dc5", rfcn([](auto& o) {
        o.roi.pooling = Pooling::roi_pool;
        o.roi.deformable = true;
        o.backbone.deformable = {.stages = {4}, .groups = 4};
      }));
  return all;
}

inline int64_t parameters(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace lanner::tests
