#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int select(const std::vector<std::string>& arguments) {
  detectors::SelectOptions options;
  const Usage usage{
      .command = "select",
      .synopsis = "lanner select --images DIR --count 20 --out LIST.txt [--weights BACKBONE]",
      .text =
          "Chooses the images that are to be labeled first: those whose regions stand for the "
          "others'.\n\n"
          "  lanner select --images photos --count 20 --out first.txt --show sheet --link "
          "to_label\n"
          "  lanner select --images photos --count 20 --out next.txt --already first.txt\n"};
  return parse_into(options, arguments, usage) ? torch_jobs().select(options) : 0;
}

}  // namespace lanner::tools
