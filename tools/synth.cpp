#include "lanner/datasets/synthetic.h"

#include "tools/command.h"

namespace lanner::tools {

int synth(const std::vector<std::string>& arguments) {
  datasets::SyntheticOptions o;
  po::options_description options("options", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("out", po::value(&o.out)->required(), "folder to write");
  add("images", defaulted(&o.images), "number of images; a fifth become the val split");
  add("seed", defaulted(&o.seed), "the same seed draws the same pixels");
  add("width", defaulted(&o.width), "of an image, pixels");
  add("height", defaulted(&o.height), "of an image, pixels");
  add("deformation", defaulted(&o.deformation),
      "0 to 1: how much more than usual objects bend, shear and scale");
  add("most-objects", defaulted(&o.most_objects), "in an image");
  const auto parsed =
      parse(arguments,
            "usage: lanner synth --out DIR [--images N] [--seed S]\n\n"
            "Draws scenes of four classes of textured, bent and partly hidden objects, "
            "with exact boxes,\nin VOC form (DIR) and COCO form "
            "(DIR/annotations/instances_train.json, instances_val.json).\n",
            options);
  return parsed.help ? 0 : run_data_job("lanner_synth", &o);
}

}  // namespace lanner::tools
