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
  add("objective", defaulted(&o.objective),
      "cpc, or simclr: which of the others is a view of the same image?");
  add("backbone", defaulted(&backbone), "resnet18, 34, 50, 101 or 152");
  add("init", po::value(&o.init), "backbone weights to start from, torchvision's as well");
  add("stages", defaulted(&o.stages), "of the backbone that are trained, 1..4");
  add("norm", defaulted(&norm), "layer, group, none, frozen_batch or batch");
  add("image-size", defaulted(&o.image_size), "of the square crops, pixels");
  add("smallest-crop", defaulted(&o.smallest_crop), "of an image's short side, as the crop's");
  add("patch-size", defaulted(&o.patch.size), "pixels");
  add("patch-stride", defaulted(&o.patch.stride), "pixels");
  add("patch-crop", defaulted(&o.patch.crop), "side of the part of each patch that is kept");
  add("patch-flip", defaulted(&o.patch.flip), "probability");
  add("patch-one-channel", defaulted(&o.patch.one_channel),
      "probability that one colour channel stands for all");
  add("patch-grey", defaulted(&o.patch.grey), "probability");
  add("patch-contrast", defaulted(&o.patch.contrast),
      "each channel's varies by up to this fraction");
  add("patch-brightness", defaulted(&o.patch.brightness),
      "each channel is shifted by up to so many standard deviations");
  add("context", defaulted(&o.context), "what predicts: conv (masked convolutions) or gru");
  add("first-distance", defaulted(&o.first_distance), "nearest row of patches that is predicted");
  add("last-distance", defaulted(&o.last_distance), "farthest row that is predicted");
  add("directions", defaulted(&o.directions), "1: downwards; 4: up, left and right as well");
  add("negatives", defaulted(&o.negatives), "drawn for each prediction; 0: all other patches");
  add("embedding", defaulted(&o.embedding), "numbers in which predictions and targets meet");
  add("temperature", defaulted(&o.temperature), "of cosines; 0: dot products, as CPC v2");
  add("show", defaulted(&o.show)->implicit_value(true),
      "draw nearest predictions and nearest images when done");
  options.add(what).add(loop_flags(o.loop));
  const auto parsed =
      parse(arguments,
            "usage: lanner pretrain --images DIR... --out RUN\n\n"
            "Trains a ResNet on unlabelled images, by Contrastive Predictive Coding (from the "
            "patches above,\nwhich of all patches of the batch comes some rows below?) or as "
            "SimCLR does.\nRUN/best.safetensors goes to `lanner train --init`; `lanner probe` "
            "says what it is worth.\n",
            options);
  if (parsed.help) return 0;
  o.images.assign(images.begin(), images.end());
  o.depth = detectors::resnet_depth(backbone);
  o.norm = detectors::norm_from_name(norm);
  o.loop.config = resolved(parsed.values);
  return run_job("lanner_pretrain", &o);
}

}  // namespace lanner::tools
