#include "lanner/detectors/models.h"

#include <iostream>

#include "tools/command.h"

namespace lanner::tools {

int models(const std::vector<std::string>& arguments) {
  const auto parsed =
      parse(arguments, "usage: lanner models\n\nLists the presets of lanner train.\n", {});
  if (parsed.help) return 0;
  for (const auto& preset : detectors::presets())
    std::cout << preset.name << "\n    " << preset.description << "\n";
  return 0;
}

}  // namespace lanner::tools
