#include "lanner/datasets/reading/yolo.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> read_yaml_names(const fs::path& file) {
  std::vector<std::string> names;
  try {
    const auto list = YAML::LoadFile(file.string())["names"];
    for (const auto& item : list) {
      if (list.IsSequence()) {
        names.push_back(item.as<std::string>());
        continue;
      }
      const auto index = item.first.as<size_t>();
      if (index >= 100'000)
        throw bad_data(file.string() + ": names: expected classes below 100000, got " +
                       std::to_string(index));
      names.resize(std::max(names.size(), index + 1));
      names[index] = item.second.as<std::string>();
    }
  } catch (const YAML::Exception& error) {
    throw bad_data(file.string() + ": names: " + error.what());
  }
  return names;
}

std::vector<std::string> read_text_names(const fs::path& file) {
  std::vector<std::string> names;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  return names;
}

std::vector<std::string> find_names(const fs::path& root) {
  for (const auto& folder : {root, root / ".."}) {
    for (const char* name : {"data.yaml", "data.yml"})
      if (fs::exists(folder / name)) return read_yaml_names(folder / name);
    if (fs::exists(folder / "classes.txt")) return read_text_names(folder / "classes.txt");
  }
  return {};
}

struct LabeledImage {
  ImageRecord image;
  Issues issues;
};

// Labels of the result are class numbers plus one.
LabeledImage read_labels(const fs::path& path, const fs::path& labels) {
  LabeledImage result;
  auto& image = result.image;
  image.path = path;
  try {
    const auto size = image_size(path);
    image.width = size.width, image.height = size.height;
  } catch (const Error& error) {
    result.issues.push_back(issue_from(error, path.string()));
    return result;
  }
  const std::string file = (labels / path.stem()).string() + ".txt";
  std::ifstream in(file);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::string where = "line " + std::to_string(number);
    std::istringstream words(line);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    int64_t category = -1;
    double x = 0, y = 0, width = 0, height = 0;
    std::string rest;
    const bool valid = bool(words >> category >> x >> y >> width >> height) && !(words >> rest);
    if (!valid || category < 0 || category >= 100'000) {
      result.issues.push_back(
          {file, where, "expected class x y width height, got \"" + line.substr(0, 80) + "\""});
      continue;
    }
    Object object;
    object.label = category + 1;
    object.box = {(x - width / 2) * image.width, (y - height / 2) * image.height,
                  (x + width / 2) * image.width, (y + height / 2) * image.height};
    if (!clip_to_image(object, image, file, where, result.issues)) continue;
    object.area = object.box.width() * object.box.height();
    image.objects.push_back(object);
  }
  return result;
}

}  // namespace

std::optional<YoloFolders> find_yolo(const fs::path& root, const std::string& split) {
  for (const auto& folders : {YoloFolders{root / "images" / split, root / "labels" / split},
                              YoloFolders{root / split / "images", root / split / "labels"}})
    if (fs::is_directory(folders.images) && fs::is_directory(folders.labels)) return folders;
  return std::nullopt;
}

Dataset read_yolo(const fs::path& root, const YoloFolders& folders,
                  const std::vector<Category>* known, Issues& issues) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folders.images))
    if (is_image_name(entry.path())) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<LabeledImage> read(paths.size());
  parallel_for(paths.size(), [&](size_t i) { read[i] = read_labels(paths[i], folders.labels); });

  auto names = find_names(root);
  const bool named = !names.empty();
  Dataset dataset;
  for (auto& [image, image_issues] : read) {
    issues.insert(issues.end(), image_issues.begin(), image_issues.end());
    image.id = static_cast<int64_t>(dataset.images.size()) + 1;
    for (const auto& object : image.objects)
      while (!named && static_cast<int64_t>(names.size()) < object.label)
        names.push_back(std::to_string(names.size()));
    dataset.images.push_back(std::move(image));
  }
  for (size_t i = 0; i < names.size(); ++i)
    dataset.categories.push_back({static_cast<int64_t>(i), names[i]});
  for (auto& image : dataset.images)
    std::erase_if(image.objects, [&](Object& object) {
      const auto index = static_cast<size_t>(object.label - 1);
      const std::string name = index < names.size() ? names[index] : "";
      if (known) {
        const auto found = std::find_if(known->begin(), known->end(),
                                        [&](const Category& c) { return c.name == name; });
        object.label = found == known->end() ? 0 : found - known->begin() + 1;
      }
      if (index < names.size() && object.label > 0) return false;
      issues.push_back(
          {(folders.labels / image.path.stem()).string() + ".txt", "class",
           "unknown class " + std::to_string(index) + (name.empty() ? "" : " (\"" + name + "\")")});
      return true;
    });
  if (known) dataset.categories = *known;
  return dataset;
}

}  // namespace lanner::datasets
