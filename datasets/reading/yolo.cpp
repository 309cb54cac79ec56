#include "lanner/datasets/reading/yolo.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <set>

#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

// The label file of an image; the first candidate if there is none.
fs::path label_file(const fs::path& image) {
  const fs::path name = image.stem().string() + ".txt";
  const auto folder = image.parent_path();
  const fs::path candidates[] = {labels_beside(folder) / name, folder / name,
                                 folder / "labels" / name};
  for (const auto& file : candidates)
    if (fs::exists(file)) return file;
  return candidates[0];
}

// The numbers of a line; nullopt if it holds anything else.
std::optional<std::vector<double>> numbers_in(const std::string& line) {
  std::vector<double> numbers;
  const char *at = line.data(), *end = at + line.size();
  while (true) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) ++at;
    if (at == end) return numbers;
    double value = 0;
    if (*at == '+') ++at;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (next < end && *next != ' ' && *next != '\t' && *next != '\r'))
      return std::nullopt;
    numbers.push_back(value);
    at = next;
  }
}

struct LabelFile {
  AnnotatedImage annotated;
  int64_t polygons = 0, classes = 0;  // classes: one more than the greatest
  bool found = false, empty = true;
};

LabelFile read_labels(const fs::path& image, const YoloFiles& files) {
  const auto& names = files.names;
  LabelFile result;
  const fs::path file = label_file(image);
  auto& [record, file_name, objects, issues] = result.annotated;
  record.path = image;
  file_name = file.string();
  std::ifstream in(file);
  result.found = bool(in);
  int line_number = 0;
  for (std::string line; std::getline(in, line);) {
    const std::string where = "line " + std::to_string(++line_number);
    if (line_number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    const auto numbers = numbers_in(line);
    if (numbers && numbers->empty()) continue;
    result.empty = false;
    const size_t count = numbers ? numbers->size() : 0;
    const bool is_box = count == 5 + files.keypoint_numbers;
    const bool valid = is_box || (files.keypoint_numbers == 0 && count >= 7 && count % 2 == 1);
    const double number = valid ? numbers->front() : -1;
    if (!(number >= 0 && number < 100'000 && number == std::floor(number))) {
      issues.push_back({file_name, where,
                        "expected class x y width height, or class and the points of a polygon, "
                        "got \"" +
                            line.substr(0, 80) + "\""});
      continue;
    }
    const auto index = static_cast<size_t>(number);
    if (!names.empty() && (index >= names.size() || names[index].empty())) {
      issues.push_back({file_name, where,
                        "unknown class " + std::to_string(index) + ": the data set names " +
                            std::to_string(names.size())});
      continue;
    }
    Object object;
    const auto& n = *numbers;
    if (is_box)
      object.box = {n[1] - n[3] / 2, n[2] - n[4] / 2, n[1] + n[3] / 2, n[2] + n[4] / 2};
    else
      object.box = bounding_box({n.begin() + 1, n.end()}), ++result.polygons;
    result.classes = std::max(result.classes, static_cast<int64_t>(index) + 1);
    objects.push_back({names.empty() ? std::to_string(index) : names[index], object, where});
  }
  return result;
}

// Label files in `folder` that belong to no image.
std::vector<fs::path> labels_without_image(const fs::path& folder,
                                           const std::set<fs::path>& label_files) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (const auto path = entry.path(); path.extension() == ".txt" && entry.is_regular_file() &&
                                        path.filename() != "classes.txt" &&
                                        !label_files.count(path.lexically_normal()))
      files.push_back(path);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Annotations read_yolo(const YoloFiles& files, Issues& issues) {
  std::vector<LabelFile> read(files.images.size());
  parallel_for(read.size(), [&](size_t i) { read[i] = read_labels(files.images[i], files); });

  Annotations result;
  result.fractions = true;
  result.name_field.clear();
  result.notes = files.notes;
  auto names = files.names;
  std::set<fs::path> label_files;
  int64_t without_labels = 0, empty_files = 0;
  for (auto& [annotated, polygons, classes, found, empty] : read) {
    result.polygons += polygons;
    while (files.names.empty() && static_cast<int64_t>(names.size()) < classes)
      names.push_back(std::to_string(names.size()));
    if (found) label_files.insert(fs::path(annotated.file).lexically_normal());
    without_labels += !found;
    empty_files += found && empty;
    result.images.push_back(std::move(annotated));
  }
  for (size_t i = 0; i < names.size(); ++i)
    result.categories.push_back({static_cast<int64_t>(i), names[i]});
  const auto count = [&](int64_t images, const char* what) {
    if (images > 0)
      result.notes.push_back(std::to_string(images) + " of " + std::to_string(read.size()) +
                             " images have " + what + " label file: images without objects");
  };
  count(without_labels, "no");
  count(empty_files, "an empty");
  if (files.labels.empty()) return result;
  const auto unmatched = labels_without_image(files.labels, label_files);
  if (!unmatched.empty())
    issues.push_back({unmatched[0].string(), "image",
                      std::to_string(unmatched.size()) + " label files in " +
                          files.labels.string() + " belong to no image, this one among them",
                      label_files.empty() ? Issue::Action::reject : Issue::Action::drop});
  return result;
}

}  // namespace lanner::datasets
