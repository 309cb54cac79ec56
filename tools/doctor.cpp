#include "tools/command.h"

namespace lanner::tools {

int doctor(const std::vector<std::string>& arguments) {
  const auto parsed = parse(
      arguments, "usage: lanner doctor\n\nSays what is installed, and what is missing.\n", {});
  return parsed.help ? 0 : run_job("lanner_doctor", nullptr);
}

}  // namespace lanner::tools
