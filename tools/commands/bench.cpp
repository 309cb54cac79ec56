#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int bench(const std::vector<std::string>& arguments) {
  BenchOptions options;
  const Usage usage{
      .command = "bench",
      .synopsis = "lanner bench ops|detect|train|pretrain|rois|eval|loader [options]",
      .text =
          "Times lanner on this machine, beside the libraries that are installed to compare "
          "with.\n\n"
          "  ops      operators, forward and backward\n"
          "  detect   Faster R-CNN ResNet-50-FPN on an image of 800 x 1088\n"
          "  train    training steps of two images of 320 x 400\n"
          "  pretrain a step of CPC on 32 images of 128 x 128\n"
          "  rois     R-FCN and Faster R-CNN C4 by the number of RoIs\n"
          "  eval     COCO evaluation, and reading annotations\n"
          "  loader   from JPEG files to network input\n",
      .positional = {"what"}};
  return parse_into(options, arguments, usage) ? torch_jobs().bench(options) : 0;
}

}  // namespace lanner::tools
