#include "lanner/datasets/check.h"

#include "tools/command.h"

namespace lanner::tools {

int check_data(const std::vector<std::string>& arguments) {
  datasets::CheckOptions o;
  std::string split;
  po::options_description options("options", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("data", po::value(&o.data)->required(),
      "VOC folder or COCO .json, with :SPLIT for a VOC split");
  add("split", po::value(&split), "the same as :SPLIT");
  add("image-root", po::value(&o.image_root), "where a COCO file's images are");
  add("show", po::value(&o.show), "folder for a contact sheet with boxes drawn");
  const auto parsed =
      parse(arguments,
            "usage: lanner check-data DATA[:SPLIT] [--show DIR]\n\n"
            "Lists every fault of annotations and images, with file and field, and what "
            "lanner does about it.\nExit code 65 where something must be mended.\n",
            options, "data");
  if (parsed.help) return 0;
  if (!split.empty()) o.data += ":" + split;
  return run_job("lanner_check_data", &o);
}

}  // namespace lanner::tools
