#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int models(const std::vector<std::string>& arguments) {
  ModelsOptions options;
  const Usage usage{.command = "models",
                    .synopsis = "lanner models [options]",
                    .text = "Lists the presets of lanner train, with parameters and GFLOPs.\n"};
  return parse_into(options, arguments, usage) ? torch_jobs().models(options) : 0;
}

}  // namespace lanner::tools
