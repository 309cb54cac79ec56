#include "tools/flags.h"

#include <algorithm>

namespace lanner::tools {

std::string flag_name(const std::string& path) {
  std::string name = path;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string quoted(const std::string& value) {
  const bool is_plain = value.find('#') == std::string::npos && !value.starts_with(' ') &&
                        !value.starts_with('"') && !value.ends_with(' ');
  return is_plain ? value : '"' + value + '"';
}

std::string unquoted(const std::string& value) {
  return value.size() > 1 && value.starts_with('"') && value.ends_with('"')
             ? value.substr(1, value.size() - 2)
             : value;
}

std::string config_text(const std::vector<Flag>& flags) {
  std::string text;
  for (const auto& flag : flags) {
    if (flag.name == "resume") continue;
    if (!flag.value.empty()) text += flag.name + " = " + quoted(flag.value) + "\n";
    for (const auto& word : flag.words) text += flag.name + " = " + quoted(word) + "\n";
  }
  return text;
}

}  // namespace lanner::tools
