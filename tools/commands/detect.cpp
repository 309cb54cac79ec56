#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int detect(const std::vector<std::string>& arguments) {
  detectors::DetectOptions options;
  const Usage usage{
      .command = "detect",
      .synopsis = "lanner detect --weights W SOURCE... --out DIR",
      .text =
          "Detects objects in images and videos, draws them, and writes them as COCO results "
          "with file names.\n\n"
          "  lanner detect --weights best.safetensors photos/ 'more/*.png' --out found\n"
          "  lanner detect --weights best.safetensors film.mp4 --save-video --out found\n",
      .positional = {"source"}};
  return parse_into(options, arguments, usage) ? torch_jobs().detect(options) : 0;
}

}  // namespace lanner::tools
