#include "lanner/datasets/reading/text_lines.h"

#include <fstream>

#include "lanner/datasets/error.h"

namespace lanner::datasets {

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

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
