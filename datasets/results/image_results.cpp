#include "lanner/datasets/results/image_results.h"

#include <cstdio>
#include <iomanip>
#include <sstream>

#include "lanner/datasets/images/visualize.h"

namespace lanner::datasets {

std::filesystem::path ImageResults::stem() const {
  auto path = std::filesystem::path(file_name);
  if (frame) path = path.filename();
  path.replace_extension();
  if (!frame) return path;
  char number[32];
  std::snprintf(number, sizeof number, "_%06lld", static_cast<long long>(*frame));
  return path += number;
}

void draw(cv::Mat& rgb, const std::vector<FoundObject>& objects, const Categories& categories) {
  std::vector<Label> labels;
  for (const auto& object : objects) {
    std::ostringstream text;
    text << categories[object.label - 1].name << " ";
    if (object.track > 0) text << "#" << object.track << " ";
    text << std::fixed << std::setprecision(2) << object.score;
    labels.push_back({object.box, object.label, text.str()});
  }
  draw(rgb, labels);
}

}  // namespace lanner::datasets
