#include "lanner/datasets/error.h"
#include "lanner/detectors/pretraining/options.h"
#include "tools/command.h"

namespace lanner::tools {

int probe(const std::vector<std::string>& arguments) {
  detectors::ProbeOptions o;
  std::vector<std::string> weights, test;
  std::string backbone = "resnet" + std::to_string(o.depth), norm = detectors::name_of(o.norm);
  po::options_description options("options", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("weights", po::value(&weights)->required()->multitoken(),
      "backbones: of lanner pretrain, detectors, or torchvision's");
  add("images", po::value(&o.images)->required(),
      "folder whose folders are classes, or of such folders train, and validation or test");
  add("test", po::value(&test)->multitoken(),
      "such folders to be asked about, taken together; else those beside train, or a fifth of each "
      "class");
  add("seeds", defaulted(&o.seeds), "untrained networks, and choices of the weight decay");
  add("neighbours", defaulted(&o.neighbours), "that vote");
  add("every-stage", defaulted(&o.every_stage)->implicit_value(true),
      "of the backbone, not the last alone");
  add("patches", defaulted(&o.patches)->implicit_value(true),
      "features are means over patches, as CPC sees images; else the network runs over whole "
      "images, as in a detector");
  add("image-size", defaulted(&o.image_size), "pixels, of weights that do not say");
  add("backbone", defaulted(&backbone), "resnet18, 34, 50, 101 or 152, of weights that do not say");
  add("norm", defaulted(&norm), "frozen_batch, batch, group, layer or none, likewise");
  add("json", po::value(&o.json), "file to write the numbers to");
  const auto parsed =
      parse(arguments,
            "usage: lanner probe --weights W... --images DIR\n\n"
            "How well the classes of images can be told from a backbone's features, by a linear "
            "classifier and\nby nearest neighbours, beside the same network untrained.\n",
            options);
  if (parsed.help) return 0;
  o.weights.assign(weights.begin(), weights.end());
  o.test.assign(test.begin(), test.end());
  o.depth = detectors::resnet_depth(backbone);
  o.norm = detectors::norm_from_name(norm);
  return run_job("lanner_probe", &o);
}

}  // namespace lanner::tools
