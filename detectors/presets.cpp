#include "lanner/detectors/presets.h"

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

// For a few CPU cores: three levels with two anchor sizes each, few proposals, and a small head.
TrainOptions small() {
  TrainOptions options;
  auto& detector = options.detector;
  detector.backbone = {.depth = 18,
                       .norm = Norm::batch,
                       .fpn_stages = {2, 3, 4},
                       .fpn_channels = 96,
                       .fpn_pool = false};
  detector.anchors = {.sizes = {{36, 60}, {96, 144}, {216, 312}}, .ratios = {1.0}};
  detector.rpn.sampled_anchors = 128;
  detector.rpn.pre_nms_train = detector.rpn.pre_nms_test = 500;
  detector.rpn.post_nms_train = detector.rpn.post_nms_test = 250;
  detector.roi.sampled_rois = 96;
  detector.roi.head_width = 256;
  detector.resize = {.min_size = 360, .max_size = 480};
  options.augment.color_jitter = 0.3;
  options.augment.scale_jitter = 0.2;
  auto& loop = options.loop;
  loop.epochs = 100;
  loop.batch_size = 4;
  loop.lr = 0.02;
  loop.weight_decay = 5e-4;
  loop.schedule = "cosine";
  loop.warmup_steps = 100;
  loop.clip_norm = 10;
  loop.ema_decay = 0.998;
  loop.amp = "auto";
  return options;
}

// The common part of R-FCN and ResNet-C4, as trained on VOC: frozen batch norm and first stages,
// nine anchors, images of 600 pixels.
TrainOptions voc(Neck neck) {
  TrainOptions options;
  auto& detector = options.detector;
  detector.backbone = {
      .depth = 101, .neck = neck, .norm = Norm::frozen_batch, .trainable_stages = 3};
  detector.anchors.sizes = {{128, 256, 512}};
  detector.rpn.conv_channels = 512;
  detector.roi.sampled_rois = 128;
  detector.roi.pooling = Pooling::roi_pool;
  detector.roi.nms_iou = 0.3;
  detector.roi.beta = 1;
  detector.rpn.pre_nms_test = 6000;
  detector.rpn.post_nms_test = 300;
  detector.resize = {.min_size = 600, .max_size = 1000};
  options.loop.lr = 0.001;
  options.loop.weight_decay = 5e-4;
  options.loop.warmup_steps = 0;
  options.loop.lr_factors = {{"bias", 2}};
  return options;
}

TrainOptions c4() {
  auto options = voc(Neck::c4);
  options.detector.rpn.pre_nms_train = 12000;
  options.detector.rpn.post_nms_train = 2000;
  options.loop.epochs = 28;
  options.loop.lr_milestones = {5. / 7};
  return options;
}

TrainOptions rfcn() {
  auto options = voc(Neck::dc5);
  options.detector.model = "rfcn";
  options.detector.backbone.dc5_channels = 1024;
  options.detector.rpn.pre_nms_train = 6000;
  options.detector.rpn.post_nms_train = 300;
  options.detector.roi.sampling = Sampling::ohem;
  options.loop.epochs = 13;
  options.loop.lr_milestones = {8. / 11};
  return options;
}

TrainOptions deformable_rfcn() {
  auto options = rfcn();
  options.detector.backbone.deformable = {.stages = {4}, .groups = 4};
  options.detector.roi.deformable = true;
  options.detector.roi.score_threshold = 0.001;
  options.offset_lr = 1;
  options.loop.epochs = 7;
  options.loop.lr_milestones = {4.83 / 7};
  options.loop.lr_factors = {{"projection", 3}};
  options.loop.warmup_steps = 1000;
  return options;
}

TrainOptions small_rfcn() {
  auto options = small();
  auto& detector = options.detector;
  detector.model = "rfcn";
  detector.roi.head_convs = 1;
  detector.roi.pooled_size = 3;
  // The mean over 9 bins divides the gradients of the maps by 9.
  options.loop.lr_factors = {{"score_maps", 9}, {"box_maps", 9}};
  return options;
}

TrainOptions small_deformable_rfcn() {
  auto options = small_rfcn();
  options.detector.backbone.deformable.stages = {4};
  options.detector.roi.deformable = true;
  options.detector.roi.pooling = Pooling::roi_pool;
  return options;
}

// Prototyped on drawn scenes: a narrow head that learns in minutes.
TrainOptions small_diffusion() {
  auto options = small();
  auto& detector = options.detector;
  detector.model = "diffusion";
  detector.backbone.fpn_channels = 64;
  detector.diffusion = {.train_boxes = 200,
                        .copies = 0.5,
                        .candidates = 20,
                        .min_matches = 4,
                        .stages = 2,
                        .early_pooled_size = 3,
                        .heads = 4,
                        .dynamic_width = 8,
                        .feed_forward = 256,
                        .data_prior = true};
  detector.sampling.boxes = 100;
  options.loop.optimizer = "adamw";
  options.loop.lr = 1e-3;
  options.loop.weight_decay = 1e-4;
  options.loop.clip_norm = 1;
  return options;
}

TrainOptions diffusion() {
  TrainOptions options;
  auto& detector = options.detector;
  detector.model = "diffusion";
  detector.backbone.norm = Norm::frozen_batch;
  detector.backbone.fpn_pool = false;
  detector.sampling.boxes = 500;
  options.loop.optimizer = "adamw";
  options.loop.lr = 2.5e-5;
  options.loop.batch_size = 16;
  options.loop.clip_norm = 1;
  options.loop.lr_milestones = {350. / 450, 420. / 450};
  options.loop.epochs = 61;  // 450,000 steps on COCO
  return options;
}

}  // namespace

const std::vector<Preset>& presets() {
  const char* tuned_here = "tuned for lanner, on BCCD";
  static const std::vector<Preset> all{
      {"faster_rcnn_resnet50_fpn",
       "Faster R-CNN on ResNet-50-FPN",
       "torchvision's fasterrcnn_resnet50_fpn and its training reference",
       {}},
      {"faster_rcnn_resnet101_c4", "Faster R-CNN on ResNet-101-C4, the classic VOC recipe",
       "py-faster-rcnn, end to end; arXiv 1512.03385, appendix A", c4()},
      {"rfcn_resnet101", "R-FCN on dilated ResNet-101, with hard example mining",
       "arXiv 1605.06409, section 3; py-R-FCN", rfcn()},
      {"deformable_rfcn_resnet101",
       "R-FCN with deformable convolutions in stage 4 and deformable pooling",
       "arXiv 1703.06211; Deformable-ConvNets", deformable_rfcn()},
      {"small", "Faster R-CNN on ResNet-18-FPN for a few CPU cores", tuned_here, small()},
      {"small_rfcn", "R-FCN on ResNet-18-FPN for a few CPU cores", tuned_here, small_rfcn()},
      {"small_deformable_rfcn",
       "small_rfcn with deformable convolutions in stage 4 and deformable pooling", tuned_here,
       small_deformable_rfcn()},
      {"small_diffusion", "a diffusion box head on ResNet-18-FPN for a few CPU cores",
       "prototyped for lanner, on drawn scenes", small_diffusion()},
      {"diffusion_resnet50", "a diffusion box head on ResNet-50-FPN",
       "DiffusionDet, arXiv 2211.09788, section 4", diffusion()},
  };
  return all;
}

const Preset& preset(const std::string& name, const std::string& other) {
  auto names = other;
  for (const auto& known : presets()) {
    if (known.name == name) return known;
    names += (names.empty() ? "" : ", ") + known.name;
  }
  throw usage_error("preset: expected one of " + names + ", got \"" + name + "\"");
}

const Preset& preset_of_model(const std::string& model) {
  for (const auto& known : presets())
    if (known.options.detector.model == model) return known;
  throw usage_error("model: expected faster_rcnn, rfcn or diffusion, got \"" + model + "\"");
}

}  // namespace lanner::detectors
