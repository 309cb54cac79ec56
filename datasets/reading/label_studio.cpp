#include "lanner/datasets/reading/label_studio.h"

#include <cmath>
#include <numbers>

#include "lanner/datasets/reading/image_index.h"
#include "lanner/datasets/reading/json_file.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

// The corners of a rectangle that is rotated clockwise about its top left corner, by degrees.
// x, y, width and height are in percent of the image's sides.
std::vector<double> corners(const Json& value, double image_width, double image_height) {
  const double x = value.at("x"), y = value.at("y");
  const double width = value.at("width").get<double>() * image_width / 100,
               height = value.at("height").get<double>() * image_height / 100;
  const double angle = value.value("rotation", 0.0) * std::numbers::pi / 180;
  std::vector<double> points;
  for (const auto& [across, down] :
       {std::pair{0., 0.}, {width, 0.}, {width, height}, {0., height}}) {
    points.push_back(x + (across * std::cos(angle) - down * std::sin(angle)) * 100 / image_width);
    points.push_back(y + (across * std::sin(angle) + down * std::cos(angle)) * 100 / image_height);
  }
  return points;
}

// The corners of the box around an ellipse whose axis of radiusX is rotated by degrees; the center
// and the radii are in percent of the image's sides.
std::vector<double> corners_of_ellipse(const Json& value, double image_width, double image_height) {
  const double x = value.at("x"), y = value.at("y");
  const double a = value.at("radiusX").get<double>() * image_width / 100,
               b = value.at("radiusY").get<double>() * image_height / 100;
  const double angle = value.value("rotation", 0.0) * std::numbers::pi / 180;
  const double across = std::hypot(a * std::cos(angle), b * std::sin(angle)) * 100 / image_width,
               down = std::hypot(a * std::sin(angle), b * std::cos(angle)) * 100 / image_height;
  return {x - across, y - down, x + across, y + down};
}

// Adds the object of one result, if it is a rectangle, an ellipse or a polygon.
void add_object(const Json& value, const Json& sizes, const std::string& where,
                AnnotatedImage& annotated, int64_t& polygons) {
  std::vector<double> points;
  std::string labels;
  for (const char* key : {"rectanglelabels", "ellipselabels", "polygonlabels", "labels"})
    if (value.contains(key) && !value.at(key).empty()) labels = key;
  const bool ellipse = value.contains("radiusX");
  if (labels.empty() || !(value.contains("points") || value.contains("width") || ellipse)) {
    annotated.issues.push_back(
        {annotated.file, where,
         "neither rectanglelabels, ellipselabels nor polygonlabels: not a labeled box",
         Issue::Action::drop});
    return;
  }
  if (value.contains("points")) {
    for (const auto& point : value.at("points"))
      points.push_back(point.at(0)), points.push_back(point.at(1));
    ++polygons;
  } else if (ellipse) {
    points = corners_of_ellipse(value, sizes.at("original_width"), sizes.at("original_height"));
  } else {
    points = corners(value, sizes.at("original_width"), sizes.at("original_height"));
  }
  for (auto& coordinate : points) coordinate /= 100;
  Object object;
  object.box = bounding_box(points);
  annotated.objects.push_back({value.at(labels).at(0).get<std::string>(), object, where});
}

// The first annotation that was not cancelled.
const Json* results_of(const Json& task) {
  for (const auto& annotation : task.at("annotations"))
    if (!annotation.value("was_cancelled", false)) return &annotation.at("result");
  return nullptr;
}

std::optional<fs::path> find_image(const ImageIndex& images, const std::string& url) {
  // URLs may end with "?d=folder/a.png".
  const auto name = url.substr(url.find_last_of("/=\\") + 1);
  if (const auto path = images.find(name)) return path;
  const auto dash = name.find('-');
  return dash == 8 ? images.find(name.substr(dash + 1)) : std::nullopt;
}

}  // namespace

Annotations read_label_studio(const fs::path& file, Issues& issues) {
  const auto root = read_json(file);
  const ImageIndex images({file.parent_path() / "images", file.parent_path()});
  Annotations result;
  result.fractions = true;
  result.name_field.clear();
  size_t index = 0;
  for (const auto& task : root) {
    const std::string where = "[" + std::to_string(index++) + "]";
    try {
      const bool full = task.contains("data");
      const auto& data = full ? task.at("data") : task;
      if (data.empty()) {
        issues.push_back({file.string(), where + ".data", "names no image"});
        continue;
      }
      const auto url = data.contains("image") ? data.at("image").get<std::string>()
                                              : data.begin()->get<std::string>();
      const auto path = find_image(images, url);
      if (!path) {
        issues.push_back({file.string(), where + ".image", "no such image: \"" + url + "\""});
        continue;
      }
      AnnotatedImage annotated{{.path = *path}, file.string(), {}, {}};
      const Json empty = Json::array();
      const Json* list = full                     ? results_of(task)
                         : task.contains("label") ? &task.at("label")
                                                  : &empty;
      if (!list) {
        annotated.issues.push_back({file.string(), where + ".annotations",
                                    "no annotation that was not cancelled", Issue::Action::keep});
        list = &empty;
      }
      size_t number = 0;
      for (const auto& item : *list) {
        const auto field = where + (full ? ".result[" : ".label[") + std::to_string(number++) + "]";
        if (full && !item.contains("value")) continue;  // a relation of two objects
        add_object(full ? item.at("value") : item, item, field, annotated, result.polygons);
      }
      result.images.push_back(std::move(annotated));
    } catch (const Json::exception& error) {
      issues.push_back({file.string(), where, error.what()});
    }
  }
  return result;
}

}  // namespace lanner::datasets
