#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int probe(const std::vector<std::string>& arguments) {
  detectors::ProbeOptions options;
  const Usage usage{
      .command = "probe",
      .synopsis = "lanner probe --weights W... --images DIR",
      .text =
          "Measures how well a backbone's features separate classes of images, by a linear "
          "classifier and by\nnearest neighbors, beside the same network untrained.\n"};
  return parse_into(options, arguments, usage) ? torch_jobs().probe(options) : 0;
}

}  // namespace lanner::tools
