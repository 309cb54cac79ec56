#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int runs(const std::vector<std::string>& arguments) {
  RunsOptions options;
  const Usage usage{.command = "runs",
                    .synopsis = "lanner runs DIR",
                    .text =
                        "Lists the runs in a folder, the best first, and the options in which "
                        "they differ.\n",
                    .positional = {"dir"}};
  return parse_into(options, arguments, usage) ? data_jobs().runs(options) : 0;
}

}  // namespace lanner::tools
