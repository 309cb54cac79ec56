#include "lanner/datasets/error.h"
#include "lanner/detectors/pretraining/options.h"
#include "tools/command.h"
#include "tools/loop_flags.h"

namespace lanner::tools {

int pretrain(const std::vector<std::string>& arguments) {
  detectors::PretrainOptions o;
  std::vector<std::string> images;
  std::string backbone = "resnet" + std::to_string(o.depth), norm = detectors::name_of(o.norm);
  po::options_description options(kWidth, kWidth / 2);
  po::options_description what("what is learned", kWidth, kWidth / 2);
  auto add = what.add_options();
  add("images", po::value(&images)->required()->multitoken(),
      "folders of images, searched to the bottom");
  add("backbone", defaulted(&backbone), "resnet18, 34, 50 or 101");
  add("stages", defaulted(&o.stages), "of the backbone that are trained, 1..4");
  add("norm", defaulted(&norm), "layer, group or batch");
  add("image-size", defaulted(&o.image_size), "of the square crops, pixels");
  add("patch-size", defaulted(&o.patch_size), "pixels");
  add("patch-stride", defaulted(&o.patch_stride), "pixels");
  add("first-distance", defaulted(&o.first_distance), "nearest row of patches that is predicted");
  add("last-distance", defaulted(&o.last_distance), "farthest row that is predicted");
  add("directions", defaulted(&o.directions), "1: downwards; 4: up, left and right as well");
  options.add(what).add(loop_flags(o.loop));
  const auto parsed =
      parse(arguments,
            "usage: lanner pretrain --images DIR... --out RUN\n\n"
            "Trains a ResNet on unlabelled images by Contrastive Predictive Coding: from "
            "the patches above,\nwhich of all patches of the batch comes some rows below? "
            "RUN/best.safetensors goes to\n`lanner train --init`.\n",
            options);
  if (parsed.help) return 0;
  o.images.assign(images.begin(), images.end());
  o.depth = detectors::resnet_depth(backbone);
  o.norm = detectors::norm_from_name(norm);
  o.loop.config = resolved(parsed.values);
  return run_job("lanner_pretrain", &o);
}

}  // namespace lanner::tools
