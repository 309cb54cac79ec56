#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {
namespace {

struct NoOptions {
  static void visit(auto&, auto&&) {}
};

}  // namespace

int doctor(const std::vector<std::string>& arguments) {
  NoOptions options;
  const Usage usage{.command = "doctor",
                    .synopsis = "lanner doctor",
                    .text = "Prints versions, devices and operators, and what is missing.\n"};
  return parse_into(options, arguments, usage) ? torch_jobs().doctor() : 0;
}

}  // namespace lanner::tools
