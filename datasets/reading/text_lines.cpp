#include "lanner/datasets/reading/text_lines.h"

#include <fstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/annotations.h"

namespace lanner::datasets {

std::vector<std::string> text_lines(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw missing_file(file.string() + ": cannot be read");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (lines.empty() && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (line.starts_with("\xFF\xFE") || line.starts_with("\xFE\xFF"))
      throw bad_data(file.string() + ": text: expected UTF-8, got UTF-16");
    if (line = trimmed(line); !line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace lanner::datasets
