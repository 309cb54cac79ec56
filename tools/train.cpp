#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/detectors/models.h"
#include "tools/augment_flags.h"
#include "tools/command.h"
#include "tools/loop_flags.h"

namespace lanner::tools {
namespace {

// "24,40;64,96": lists of numbers, a list a level.
std::string joined(const std::vector<std::vector<double>>& levels) {
  std::ostringstream text;
  for (size_t i = 0; i < levels.size(); ++i)
    for (size_t j = 0; j < levels[i].size(); ++j) text << (j ? "," : i ? ";" : "") << levels[i][j];
  return text.str();
}

std::vector<std::vector<double>> levels_from(const std::string& option, const std::string& text) {
  std::vector<std::vector<double>> levels;
  std::istringstream lists(text);
  for (std::string list; std::getline(lists, list, ';');) {
    levels.emplace_back();
    std::istringstream numbers(list);
    for (std::string number; std::getline(numbers, number, ',');) {
      size_t used = 0;
      try {
        levels.back().push_back(std::stod(number, &used));
      } catch (const std::exception&) {
      }
      if (used == 0 || used != number.size())
        throw usage_error(option + ": expected numbers such as 32;64;128, got \"" + text + "\"");
    }
  }
  return levels;
}

std::vector<double> list_from(const std::string& option, const std::string& text) {
  const auto lists = levels_from(option, text);
  if (lists.size() != 1)
    throw usage_error(option + ": expected one list such as 0.5,1,2, got \"" + text + "\"");
  return lists[0];
}

std::vector<int> stages_from(const std::string& option, const std::string& text) {
  std::vector<int> stages;
  for (const char stage : text) {
    if (stage < '1' || stage > '4')
      throw usage_error(option + ": expected stages such as 34, got \"" + text + "\"");
    stages.push_back(stage - '0');
  }
  return stages;
}

// "backbone=0.1,roi_heads=3": factors by name.
std::string joined(const std::vector<std::pair<std::string, double>>& factors) {
  std::ostringstream text;
  for (const auto& [name, factor] : factors)
    text << (text.tellp() > 0 ? "," : "") << name << "=" << factor;
  return text.str();
}

std::vector<std::pair<std::string, double>> factors_from(const std::string& text) {
  std::vector<std::pair<std::string, double>> factors;
  std::istringstream list(text);
  for (std::string item; std::getline(list, item, ',');) {
    const auto equals = item.find('=');
    const std::string number = equals == std::string::npos ? "" : item.substr(equals + 1);
    if (number.empty()) throw usage_error("lr-factors: expected NAME=FACTOR, got \"" + item + "\"");
    factors.emplace_back(item.substr(0, equals), list_from("lr-factors", number).at(0));
  }
  return factors;
}

// The preset must be known before the other options, whose defaults it sets.
std::string preset_named(const std::vector<std::string>& arguments) {
  std::string name, model;
  po::options_description only;
  only.add_options()("preset", po::value(&name))("model", po::value(&model))(
      "config", po::value<std::string>());
  po::variables_map values;
  try {
    po::store(po::command_line_parser(arguments).options(only).allow_unregistered().run(), values);
    if (values.count("config")) {
      auto in = open_config(values["config"].as<std::string>());
      po::store(po::parse_config_file(in, only, true), values);
    }
  } catch (const po::error& error) {
    throw usage_error(std::string(error.what()) + " (see lanner train --help)");
  }
  po::notify(values);
  if (!name.empty()) return name;
  return model.empty() ? detectors::presets().front().name : detectors::preset_of_model(model).name;
}

}  // namespace

int train(const std::vector<std::string>& arguments) {
  std::string preset = preset_named(arguments);
  detectors::TrainOptions o = detectors::preset(preset).options;
  auto& d = o.detector;
  std::string backbone = detectors::backbone_name(d.backbone),
              norm = detectors::name_of(d.backbone.norm);
  std::string sizes = joined(d.anchors.sizes), ratios = joined({d.anchors.ratios}), stages;
  for (const int stage : d.backbone.fpn_stages) stages += std::to_string(stage);
  std::string bent, sampling = detectors::name_of(d.roi.sampling),
                    pooling = detectors::name_of(d.roi.pooling);
  for (const int stage : d.backbone.deformable.stages) bent += std::to_string(stage);
  std::string drops = joined({o.loop.lr_drops}), factors = joined(o.loop.lr_factors);
  bool deformable = false;

  po::options_description data("data", kWidth, kWidth / 2);
  auto add_data = data.add_options();
  add_data("data", po::value(&o.data)->required(),
           "DATA[:SPLIT] to learn from: VOC folder, COCO .json or YOLO .yaml; several with commas");
  add_data("val", po::value(&o.val), "DATA[:SPLIT] to choose the best weights by");
  add_data("image-root", po::value(&o.image_root), "where a COCO file's images are");
  add_data("evaluations", defaulted(&o.evaluations), "of val, evenly over the run");
  add_data("min-size", defaulted(&d.resize.min_size), "short side that images are resized to");
  add_data("max-size", defaulted(&d.resize.max_size), "limit of the long side");
  add_data("image-cache", defaulted(&o.image_cache),
           "gigabytes of decoded images to keep; 0: none");

  po::options_description model("model", kWidth, kWidth / 2);
  auto add = model.add_options();
  add("preset", defaulted(&preset), "see lanner models; sets the defaults shown here");
  add("model", defaulted(&d.model), "faster_rcnn or rfcn");
  add("backbone", defaulted(&backbone),
      "resnet18, 34, 50, 101, 152, resnext50_32x4d, wide_resnet50_2, .. with -fpn, -c4 (stage 4 is "
      "the RoI head) or -dc5 (dilated)");
  add("norm", defaulted(&norm), "frozen_batch, batch, group, layer or none");
  add("init", po::value(&o.init), "backbone weights to start from, as lanner pretrain writes");
  add("init-lr", defaulted(&o.init_lr),
      "factor of the learning rate of what --init gave; the rest learns at --lr");
  add("trainable-stages", defaulted(&d.backbone.trainable_stages),
      "of the backbone, from the end; 5: all");
  add("fpn-stages", defaulted(&stages), "backbone stages in the FPN, such as 234");
  add("fpn-channels", defaulted(&d.backbone.fpn_channels), "of every level");
  add("fpn-pool", defaulted(&d.backbone.fpn_pool)->implicit_value(true),
      "one coarser level for the RPN");
  add("dc5-channels", defaulted(&d.backbone.dc5_channels), "of the dilated stage 4's features");
  add("deformable", defaulted(&deformable)->implicit_value(true),
      "deformable convolutions in stage 4 and deformable RoI pooling");
  add("deformable-stages", defaulted(&bent),
      "backbone stages whose 3x3 convolutions are deformable, such as 34");
  add("deformable-groups", defaulted(&d.backbone.deformable.groups),
      "of channels that share offsets");
  add("modulated", defaulted(&d.backbone.deformable.modulated)->implicit_value(true),
      "deformable convolutions weight their samples too");
  add("deformable-pooling", defaulted(&d.roi.deformable)->implicit_value(true),
      "of RoIs: bins are moved by learned offsets");
  add("pooling", defaulted(&pooling), "of RoIs: roi_align or roi_pool");
  add("pooled-size", defaulted(&d.roi.pooled_size), "bins on each axis; R-FCN's k");
  add("anchor-sizes", defaulted(&sizes), "pixels, a list a level: 32;64;128");
  add("anchor-ratios", defaulted(&ratios), "height / width");
  add("proposals", defaulted(&d.rpn.post_nms_train), "kept of an image while training");
  add("sampled-rois", defaulted(&d.roi.sampled_rois), "of an image, for the head's loss");
  add("sampling", defaulted(&sampling),
      "of RoIs: balanced (at random) or ohem (those of the greatest loss)");
  add("box-beta", defaulted(&d.roi.beta),
      "of the smooth L1 loss of boxes: below it that is quadratic");
  add("head-convs", defaulted(&d.roi.head_convs), "3x3 convolutions of the head");
  add("head-width", defaulted(&d.roi.head_width),
      "of the head's fully connected layers; in R-FCN of its convolutions");

  add("offset-lr", defaulted(&o.offset_lr),
      "factor of lr for what gives deformable layers their offsets");
  add("lr-drops", defaulted(&drops),
      "parts of the run after which the step schedule's lr is a tenth");
  add("lr-factors", defaulted(&factors),
      "of the parameters whose names hold a text: backbone=0.1,roi_heads=3; replaces the preset's");

  po::options_description options(kWidth, kWidth / 2);
  options.add(data).add(augment_flags(o.augment)).add(model).add(loop_flags(o.loop));
  auto parsed = parse(arguments,
                      "usage: lanner train --data DATA[:SPLIT] [--val DATA[:SPLIT]] --out RUN "
                      "[--preset small]\n\n"
                      "Trains a detector; writes RUN/best.safetensors (best AP on val) and "
                      "RUN/last.safetensors.\n\n"
                      "  lanner train --data voc:train --val voc:val --out runs/a --preset "
                      "small --max-minutes 12\n"
                      "  lanner train --config runs/a/config.cfg --out runs/b --lr 0.01\n"
                      "  lanner train --config runs/a/config.cfg --resume\n",
                      options);
  if (parsed.help) return 0;
  d.backbone.norm = detectors::norm_from_name(norm);
  d.backbone.fpn_stages = stages_from("fpn-stages", stages);
  if (deformable) {
    if (bent.empty()) bent = "4";
    if (!parsed.given("deformable-pooling")) d.roi.deformable = true;
    if (d.model == "rfcn" && !parsed.given("pooling")) pooling = "roi_pool";
  }
  d.backbone.deformable.stages = stages_from("deformable-stages", bent);
  d.roi.sampling = detectors::sampling_from_name(sampling);
  d.roi.pooling = detectors::pooling_from_name(pooling);
  detectors::set_backbone(d, backbone);
  if (parsed.given("anchor-sizes")) d.anchors.sizes = levels_from("anchor-sizes", sizes);
  d.anchors.ratios = list_from("anchor-ratios", ratios);
  o.loop.lr_drops = list_from("lr-drops", drops);
  // Those of a preset are of its own model.
  const bool own = d.model == detectors::preset(preset).options.detector.model;
  if (own || parsed.given("lr-factors"))
    o.loop.lr_factors = factors_from(factors);
  else
    o.loop.lr_factors.clear();
  // What followed from other options stands in the configuration as it came out, so that given back
  // it makes the same detector.
  const auto settle = [&](const char* option, const auto& value) {
    parsed.values.at(option).value() = value;
  };
  settle("deformable", false);
  settle("deformable-stages", bent);
  settle("deformable-pooling", d.roi.deformable);
  settle("pooling", pooling);
  settle("anchor-sizes", joined(d.anchors.sizes));
  settle("lr-factors", joined(o.loop.lr_factors));
  o.loop.config = resolved(parsed.values);
  return run_job("lanner_train", &o);
}

}  // namespace lanner::tools
