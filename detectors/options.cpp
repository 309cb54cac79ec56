#include "lanner/detectors/options.h"

#include <algorithm>
#include <array>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

using datasets::expect;

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

const KnownResNet& resnet_by_name(const std::string& name) {
  std::vector<std::string_view> names;
  for (const auto& known : kResNets) {
    if (known.name == name) return known;
    names.push_back(known.name);
  }
  throw usage_error("backbone: expected " + datasets::choice_text(names) + ", got \"" + name +
                    "\"");
}

size_t level_count(const BackboneOptions& backbone) {
  return backbone.neck == Neck::fpn ? backbone.fpn_stages.size() + (backbone.fpn_pool ? 1 : 0) : 1;
}

void check_backbone(const BackboneOptions& backbone) {
  const int depth = backbone.depth;
  expect(std::any_of(kResNets.begin(), kResNets.end(),
                     [&](const KnownResNet& resnet) { return resnet.depth == depth; }),
         "backbone.depth", "18, 34, 50, 101 or 152", depth);
  expect((backbone.width & (backbone.width - 1)) == 0, "backbone.width", "a power of 2",
         backbone.width);
  const bool plain = backbone.groups == 1 && backbone.group_width == 64;
  expect(plain || (depth >= 50 && backbone.groups * backbone.group_width <= 4096),
         "backbone.groups", "1 of width 64, or others from ResNet-50 on",
         std::to_string(backbone.groups) + " of width " + std::to_string(backbone.group_width));
  // The 3x3 convolutions of stage 1 have groups of group_width * width / 64 channels.
  expect(backbone.group_width * backbone.width % 64 == 0, "backbone.group_width",
         "a multiple of " + std::to_string(64 / std::min<int64_t>(64, backbone.width)) +
             ", for a width of " + std::to_string(backbone.width),
         backbone.group_width);
  const auto& stages = backbone.fpn_stages;
  expect(!stages.empty(), "backbone.fpn_stages", "at least one of 1..4", stages);
  for (size_t i = 1; i < stages.size(); ++i)
    expect(stages[i] == stages[i - 1] + 1, "backbone.fpn_stages", "consecutive stages", stages);
  const int last = backbone.neck == Neck::fpn ? stages.back() : 4;
  for (const int stage : backbone.deformable.stages)
    expect(stage <= last, "backbone.deformable.stages",
           "stages that the FPN uses, up to " + std::to_string(last), stage);
  // The 3x3 convolutions see `width` channels or twice, four times, .. as many.
  const int64_t groups = backbone.deformable.groups;
  expect((groups & (groups - 1)) == 0 && groups <= backbone.width, "backbone.deformable.groups",
         "1, 2, 4, .. " + std::to_string(backbone.width), groups);
}

void check_anchors(const DetectorOptions& options) {
  const auto& sizes = options.anchors.sizes;
  const size_t levels = level_count(options.backbone);
  expect(sizes.size() == levels, "anchors.sizes",
         "a list for each of the " + std::to_string(levels) + " levels of " +
             backbone_name(options.backbone),
         sizes);
  for (const auto& level : sizes)
    expect(!level.empty() && level.size() == sizes[0].size(), "anchors.sizes",
           "as many sizes on every level", sizes);
  expect(!options.anchors.ratios.empty(), "anchors.ratios", "at least one", options.anchors.ratios);
}

}  // namespace

void DetectorOptions::check() const {
  datasets::check_fields(*this);
  check_backbone(backbone);
  if (model != "diffusion") check_anchors(*this);  // which has none
  resize.check();
  expect(model != "rfcn" || backbone.neck != Neck::c4, "backbone",
         "a name that ends in -dc5 or -fpn: R-FCN needs position-sensitive maps, which C4 lacks",
         backbone_name(backbone));
  expect(model != "rfcn" || !roi.deformable || roi.pooling == Pooling::roi_pool, "roi.pooling",
         "roi_pool, the only one of deformable R-FCN", roi.pooling);
  if (model == "diffusion") {
    expect(backbone.neck == Neck::fpn, "backbone", "a name that ends in -fpn, for diffusion",
           backbone_name(backbone));
    expect(backbone.fpn_channels % (2 * diffusion.heads) == 0, "diffusion.heads",
           "a divisor of half the " + std::to_string(backbone.fpn_channels) + " fpn_channels",
           diffusion.heads);
    expect(sampling.path != NoisePath::vp || sampling.sampler != Sampler::heun, "sampler",
           "euler, ddim or ddpm, of path vp", sampling.sampler);
    expect(sampling.path != NoisePath::flow || sampling.sampler != Sampler::ddpm, "sampler",
           "euler, ddim or heun, of path flow", sampling.sampler);
  }
  expect(!categories.empty(), "num_classes", "at least one class", std::string("none"));
}

int resnet_depth(const std::string& name) {
  const auto& found = resnet_by_name(name);
  expect(found.group_width == 64, "backbone", "resnet18, 34, 50, 101 or 152", name);
  return found.depth;
}

void set_backbone(DetectorOptions& options, const std::string& name) {
  auto& backbone = options.backbone;
  const auto dash = name.find('-');
  if (dash != std::string::npos) {
    const auto neck = name.substr(dash + 1);
    expect(neck == "fpn" || neck == "c4" || neck == "dc5", "backbone",
           "a name that ends in -fpn, -c4 or -dc5", name);
    datasets::from_text("backbone", neck, backbone.neck);
  }
  const auto& found = resnet_by_name(name.substr(0, dash));
  backbone.depth = found.depth, backbone.groups = found.groups;
  backbone.group_width = found.group_width;
  fit_anchors_to_levels(options);
}

void fit_anchors_to_levels(DetectorOptions& options) {
  auto& sizes = options.anchors.sizes;
  const size_t levels = level_count(options.backbone);
  if (sizes.size() == levels) return;
  std::vector<double> all;
  for (const auto& level : sizes) all.insert(all.end(), level.begin(), level.end());
  if (levels != 1 && all.size() % levels != 0) return;  // check() says what is expected
  sizes.assign(levels, {});
  for (size_t i = 0; i < all.size(); ++i) sizes[i * levels / all.size()].push_back(all[i]);
}

std::string backbone_name(const BackboneOptions& options) {
  std::string name = "resnet" + std::to_string(options.depth);
  for (const auto& known : kResNets)
    if (known.depth == options.depth && known.groups == options.groups &&
        known.group_width == options.group_width)
      name = known.name;
  return name + "-" + datasets::to_text(options.neck);
}

}  // namespace lanner::detectors
