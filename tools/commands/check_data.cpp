#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int check_data(const std::vector<std::string>& arguments) {
  datasets::CheckOptions options;
  const Usage usage{
      .command = "check-data",
      .synopsis = "lanner check-data DATA[:SPLIT] [--against DATA[:SPLIT]..] [--show DIR]",
      .text =
          "Lists every issue of annotations and images, with file and field and what lanner "
          "does about it, and\nstatistics of the boxes. Exit code 65 where an issue must be "
          "fixed.\n",
      .positional = {"data"}};
  return parse_into(options, arguments, usage) ? data_jobs().check_data(options) : 0;
}

}  // namespace lanner::tools
