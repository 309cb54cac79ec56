#include "lanner/datasets/reading/labelme.h"

#include <algorithm>
#include <cmath>

#include "lanner/datasets/error.h"
#include "lanner/datasets/parallel.h"
#include "lanner/datasets/reading/image_index.h"
#include "lanner/datasets/reading/json_file.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

Box box_of(const std::string& type, const std::vector<double>& points) {
  if (type != "circle") return bounding_box(points);
  if (points.size() != 4) return {};
  // The center and a point of the circle.
  const double radius = std::hypot(points[2] - points[0], points[3] - points[1]);
  return {points[0] - radius, points[1] - radius, points[0] + radius, points[1] + radius};
}

struct LabelmeFile {
  AnnotatedImage annotated;
  std::string image;
  int64_t polygons = 0;
};

LabelmeFile read_file(const fs::path& file) {
  const auto root = read_json(file);
  LabelmeFile result;
  auto& annotated = result.annotated;
  annotated.file = file.string();
  try {
    result.image = root.at("imagePath").get<std::string>();
    std::replace(result.image.begin(), result.image.end(), '\\', '/');
    size_t index = 0;
    for (const auto& shape : root.at("shapes")) {
      const std::string where = "shapes[" + std::to_string(index++) + "]";
      const auto type = shape.value("shape_type", std::string("polygon"));
      std::vector<double> points;
      for (const auto& point : shape.at("points"))
        points.push_back(point.at(0)), points.push_back(point.at(1));
      if (type == "point" || type == "line" || type == "linestrip" || type == "points") {
        annotated.issues.push_back(
            {file.string(), where, "shape without area: " + type, Issue::Action::drop});
        continue;
      }
      result.polygons += type != "rectangle";
      Object object;
      object.box = box_of(type, points);
      annotated.objects.push_back({shape.at("label").get<std::string>(), object, where});
    }
  } catch (const nlohmann::json::exception& error) {
    annotated.issues.push_back({file.string(), "shapes", error.what()});
  }
  return result;
}

}  // namespace

Annotations read_labelme(const fs::path& folder, Issues& issues) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json" && entry.is_regular_file())
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<LabelmeFile> read(files.size());
  parallel_for(files.size(), [&](size_t i) { read[i] = read_file(files[i]); });

  Annotations result;
  result.name_field = ".label";
  result.box_field = ".points";
  ImageIndex images({folder, folder / "images", folder.parent_path() / "images"});
  for (size_t i = 0; i < files.size(); ++i) {
    auto& [annotated, name, polygons] = read[i];
    result.polygons += polygons;
    // The path is that of the machine where the image was labeled.
    auto path = escapes_folder(name) ? std::nullopt : images.find(name);
    if (!path) path = images.find(fs::path(name).filename().string());
    if (!path) path = images.find_stem(files[i].stem().string());
    if (!path) {
      annotated.issues.push_back({annotated.file, "imagePath", "no such image: \"" + name + "\""});
      issues.insert(issues.end(), annotated.issues.begin(), annotated.issues.end());
      continue;
    }
    annotated.image.path = *path;
    result.images.push_back(std::move(annotated));
  }
  return result;
}

}  // namespace lanner::datasets
