#include "tools/flags.h"

#include <algorithm>

namespace lanner::tools {

std::string flag_name(const std::string& path) {
  std::string name = path;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string config_text(const std::vector<Flag>& flags) {
  std::string text;
  for (const auto& flag : flags)
    if (!flag.value.empty() && flag.name != "resume") text += flag.name + " = " + flag.value + "\n";
  return text;
}

}  // namespace lanner::tools
