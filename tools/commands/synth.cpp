#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int synth(const std::vector<std::string>& arguments) {
  datasets::SyntheticOptions options;
  const Usage usage{
      .command = "synth",
      .synopsis = "lanner synth --out DIR [--images N] [--seed S]",
      .text =
          "Draws scenes of textured, bent and partly hidden objects of four classes, with exact "
          "boxes, as VOC\n(DIR) and as COCO (DIR/annotations/instances_train.json, "
          "instances_val.json).\n"};
  return parse_into(options, arguments, usage) ? data_jobs().synth(options) : 0;
}

}  // namespace lanner::tools
