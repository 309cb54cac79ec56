#include "lanner/datasets/evaluation/voc_results.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
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

// What each image is called: its stem, with its folder and extension where others share it.
std::vector<std::string> names_of(const std::vector<CocoImage>& images) {
  std::map<std::string, int> stems, paths;
  const auto path_of = [](const CocoImage& image) {
    return fs::path(image.file_name).replace_extension().string();
  };
  for (const auto& image : images)
    ++stems[fs::path(image.file_name).stem().string()], ++paths[path_of(image)];
  std::vector<std::string> names;
  for (const auto& image : images) {
    const auto stem = fs::path(image.file_name).stem().string(), path = path_of(image);
    names.push_back(stems[stem] == 1 ? stem : paths[path] == 1 ? path : image.file_name);
  }
  return names;
}

// "name score x1 y1 x2 y2"; the name may hold spaces.
struct ResultLine {
  std::string image;
  double numbers[5] = {};

  // Whether the line is one.
  bool parse(const std::string& line) {
    size_t end = line.find_last_not_of(" \t\r");
    for (int i = 4; i >= 0; --i) {
      const auto space = line.find_last_of(" \t", end);
      if (end == std::string::npos || space == std::string::npos) return false;
      std::istringstream word(line.substr(space + 1, end - space));
      if (!(word >> numbers[i]) || word.peek() != EOF) return false;
      end = line.find_last_not_of(" \t", space);
    }
    if (end == std::string::npos) return false;
    image = line.substr(0, end + 1);
    return true;
  }
};

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
  const auto names = names_of(truth.images);
  for (size_t i = 0; i < names.size(); ++i) image_ids.emplace(names[i], truth.images[i].id);

  std::vector<CocoDetection> detections;
  for (const auto& file : files) {
    const auto& category = find_category(file, truth.categories);
    std::ifstream in(file);
    if (!in) throw io_error(file.string() + ": cannot be read");
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      ResultLine result;
      if (!result.parse(line))
        throw bad_data(file.string() + ": line " + std::to_string(number) +
                       ": expected image score x1 y1 x2 y2, got \"" + line.substr(0, 80) + "\"");
      const auto found = image_ids.find(result.image);
      const auto& [score, x1, y1, x2, y2] = result.numbers;
      detections.push_back({found == image_ids.end() ? kUnknownImage : found->second,
                            category.id,
                            {x1 - 1, y1 - 1, x2 - x1, y2 - y1},
                            score});
    }
  }
  return detections;
}

void write_voc_results(const fs::path& folder, const CocoFile& truth,
                       const std::vector<CocoDetection>& detections) {
  std::map<int64_t, std::string> names;
  const auto image_names = names_of(truth.images);
  for (size_t i = 0; i < image_names.size(); ++i) names[truth.images[i].id] = image_names[i];
  std::map<int64_t, std::ostringstream> texts;
  for (const auto& d : detections) {
    if (!names.contains(d.image_id)) continue;  // of no image of the ground truth
    auto& text = texts[d.category_id];
    text.precision(9);
    text << names[d.image_id] << ' ' << d.score << ' ' << d.bbox.x + 1 << ' ' << d.bbox.y + 1 << ' '
         << d.bbox.x + d.bbox.width + 1 << ' ' << d.bbox.y + d.bbox.height + 1 << '\n';
  }
  std::set<std::string> written;
  for (const auto& category : truth.categories) {
    if (!written.insert(category.name).second)
      throw bad_data(folder.string() + ": two categories are called \"" + category.name +
                     "\", but VOC's results have one file for each name; save .json instead");
    if (category.name.find('/') != std::string::npos)
      throw io_error(folder.string() + ": category \"" + category.name +
                     "\" cannot be part of a file name");
    write_file(folder / ("comp4_det_test_" + category.name + ".txt"), texts[category.id].str());
  }
}

}  // namespace lanner::datasets
