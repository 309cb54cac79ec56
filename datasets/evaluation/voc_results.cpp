#include "lanner/datasets/evaluation/voc_results.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <unordered_map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

// The category with which the file name ends. The longest one counts: `side_car` also ends with
// `car`.
const Category& find_category(const fs::path& file, const std::vector<Category>& categories) {
  const std::string stem = file.stem().string();
  const Category* found = nullptr;
  for (const auto& category : categories)
    if ((stem == category.name || stem.ends_with("_" + category.name)) &&
        (!found || category.name.size() > found->name.size()))
      found = &category;
  if (!found)
    throw bad_data(file.string() + ": name: does not end with a category of the ground truth");
  return *found;
}

std::string stem_of(const CocoImage& image) { return fs::path(image.file_name).stem().string(); }

}  // namespace

std::vector<CocoDetection> read_voc_results(const fs::path& folder, const CocoFile& truth) {
  if (!fs::is_directory(folder)) throw missing_file(folder.string() + ": no such folder");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  if (files.empty())
    throw missing_file(folder.string() +
                       ": no .txt file: expected VOC results, one file per class");
  std::sort(files.begin(), files.end());
  std::unordered_map<std::string, int64_t> image_ids;
  for (const auto& image : truth.images) image_ids.emplace(stem_of(image), image.id);

  std::vector<CocoDetection> detections;
  for (const auto& file : files) {
    const auto& category = find_category(file, truth.categories);
    std::ifstream in(file);
    if (!in) throw io_error(file.string() + ": cannot be read");
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      std::istringstream words(line);
      std::string image, rest;
      double score = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0;
      if (!(words >> image)) continue;  // empty line
      if (!(words >> score >> x1 >> y1 >> x2 >> y2) || words >> rest)
        throw bad_data(file.string() + ": line " + std::to_string(number) +
                       ": expected image score x1 y1 x2 y2, got \"" + line.substr(0, 80) + "\"");
      if (const auto found = image_ids.find(image); found != image_ids.end())
        detections.push_back(
            {found->second, category.id, {x1 - 1, y1 - 1, x2 - x1, y2 - y1}, score});
    }
  }
  return detections;
}

void write_voc_results(const fs::path& folder, const CocoFile& truth,
                       const std::vector<CocoDetection>& detections) {
  std::map<int64_t, std::string> names;
  for (const auto& image : truth.images) names[image.id] = stem_of(image);
  std::map<int64_t, std::ostringstream> texts;
  for (const auto& d : detections) {
    auto& text = texts[d.category_id];
    text.precision(9);
    text << names[d.image_id] << ' ' << d.score << ' ' << d.bbox.x + 1 << ' ' << d.bbox.y + 1 << ' '
         << d.bbox.x + d.bbox.width + 1 << ' ' << d.bbox.y + d.bbox.height + 1 << '\n';
  }
  for (const auto& category : truth.categories) {
    if (category.name.find('/') != std::string::npos)
      throw io_error(folder.string() + ": category \"" + category.name +
                     "\" cannot be part of a file name");
    write_file(folder / ("comp4_det_test_" + category.name + ".txt"), texts[category.id].str());
  }
}

}  // namespace lanner::datasets
