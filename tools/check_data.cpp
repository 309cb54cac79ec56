#include "lanner/datasets/check.h"

#include "lanner/datasets/error.h"
#include "tools/augment_flags.h"
#include "tools/command.h"

namespace lanner::tools {

int check_data(const std::vector<std::string>& arguments) {
  datasets::CheckOptions o;
  std::string split;
  bool annotations_only = false;
  po::options_description options("options", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("data", po::value(&o.data)->required(),
      "VOC folder or COCO .json, with :SPLIT for a VOC split");
  add("split", po::value(&split), "the same as :SPLIT");
  add("image-root", po::value(&o.image_root), "where a COCO file's images are");
  add("against", po::value(&o.against)->multitoken(),
      "other splits, DATA[:SPLIT], that must not hold the same images");
  add("annotations-only", defaulted(&annotations_only)->implicit_value(true),
      "do not read the images");
  add("min-size", defaulted(&o.resize.min_size), "short side that anchors are suggested for");
  add("max-size", defaulted(&o.resize.max_size), "limit of the long side");
  add("json", po::value(&o.json), "file to write everything to");
  add("show", po::value(&o.show), "folder for pictures: images with their boxes, and box sizes");
  add("show-augmented", defaulted(&o.show_augmented)->implicit_value(true),
      "in --show too: images as training sees them, with the options below");
  options.add(augment_flags(o.augment));
  const auto parsed =
      parse(arguments,
            "usage: lanner check-data DATA[:SPLIT] [--against DATA[:SPLIT]..] [--show DIR]\n\n"
            "Lists every fault of annotations and images, with file and field, and what "
            "lanner does about it,\nand says what the boxes are like. Exit code 65 where "
            "something must be mended.\n",
            options, "data");
  if (parsed.help) return 0;
  if (!split.empty()) o.data += ":" + split;
  o.images = !annotations_only;
  if (o.resize.min_size < 1 || o.resize.max_size < o.resize.min_size)
    throw usage_error("min-size: expected 1 to max-size, got " + std::to_string(o.resize.min_size));
  if (o.show_augmented && o.show.empty())
    throw usage_error("show-augmented: wants --show, the folder to draw into");
  return run_data_job("lanner_check_data", &o);
}

}  // namespace lanner::tools
