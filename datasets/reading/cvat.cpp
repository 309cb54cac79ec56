#include "lanner/datasets/reading/cvat.h"

#include <cmath>
#include <fstream>
#include <numbers>
#include <pugixml.hpp>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/image_index.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

// A number that an attribute must be. Throws bad_data naming the attribute.
double number_in(const pugi::xml_node& node, const char* name) {
  const std::string text = node.attribute(name).value();
  try {
    size_t used = 0;
    const double value = std::stod(text, &used);
    if (used == text.size()) return value;
  } catch (const std::exception&) {
  }
  throw bad_data(std::string(name) + (node.attribute(name)
                                          ? ": expected a number, got \"" + text + "\""
                                          : ": missing"));
}

// "x1,y1;x2,y2;..."
std::vector<double> points_of(const pugi::xml_node& node) {
  const std::string text = node.attribute("points").value();
  std::vector<double> points;
  std::istringstream in(text);
  char separator = ',';
  for (double value; in >> value; in >> separator) points.push_back(value);
  if (!in.eof() || points.size() % 2 || points.size() < 6)
    throw bad_data("points: expected x1,y1;x2,y2;x3,y3.., got \"" + text.substr(0, 80) + "\"");
  return points;
}

// Boxes may be rotated about their center. Nullopt for a shape without area.
std::optional<Box> box_of(const pugi::xml_node& node) {
  const std::string kind = node.name();
  const auto number = [&](const char* name) { return number_in(node, name); };
  if (kind == "box") {
    const Box box{number("xtl"), number("ytl"), number("xbr"), number("ybr")};
    const double angle =
        node.attribute("rotation") ? number("rotation") * std::numbers::pi / 180 : 0;
    if (angle == 0) return box;
    const double x = (box.x1 + box.x2) / 2, y = (box.y1 + box.y2) / 2,
                 cosine = std::abs(std::cos(angle)), sine = std::abs(std::sin(angle)),
                 across = (box.width() * cosine + box.height() * sine) / 2,
                 down = (box.width() * sine + box.height() * cosine) / 2;
    return Box{x - across, y - down, x + across, y + down};
  }
  if (kind == "polygon") return bounding_box(points_of(node));
  if (kind == "ellipse")
    return Box{number("cx") - number("rx"), number("cy") - number("ry"),
               number("cx") + number("rx"), number("cy") + number("ry")};
  return std::nullopt;
}

}  // namespace

bool is_cvat(const fs::path& file) {
  std::ifstream in(file);
  std::string start(512, '\0');
  in.read(start.data(), std::ssize(start));
  return start.find("<annotations") != std::string::npos;
}

Annotations read_cvat(const fs::path& file, Issues& issues) {
  if (!fs::is_regular_file(file)) throw missing_file(file.string() + ": no such file");
  pugi::xml_document document;
  const auto parsed = document.load_file(file.c_str());
  if (!parsed)
    throw bad_data(file.string() + ": XML: " + parsed.description() + " at byte " +
                   std::to_string(parsed.offset));
  const auto root = document.child("annotations");
  if (!root) throw bad_data(file.string() + ": XML: expected <annotations> of CVAT");
  if (root.child("track"))
    throw bad_data(file.string() + ": track: CVAT for video; export as CVAT for images");
  const ImageIndex images({file.parent_path() / "images", file.parent_path()});
  Annotations result;
  result.name_field = ".label";
  for (const auto node : root.children("image")) {
    const std::string name = node.attribute("name").value(), where = "image " + name;
    const auto path = escapes_folder(name) ? std::nullopt : images.find(name);
    if (!path) {
      issues.push_back({file.string(), where, "no such image"});
      continue;
    }
    AnnotatedImage annotated{{.path = *path,
                              .width = node.attribute("width").as_int(),
                              .height = node.attribute("height").as_int()},
                             file.string(),
                             {},
                             {}};
    size_t index = 0;
    for (const auto shape : node.children()) {
      if (shape.type() != pugi::node_element) continue;
      const std::string field = where + "." + shape.name() + "[" + std::to_string(index++) + "]";
      std::optional<Box> box;
      try {
        box = box_of(shape);
        if (!box)
          annotated.issues.push_back(
              {file.string(), field, "not a box, polygon or ellipse", Issue::Action::drop});
      } catch (const Error& error) {
        annotated.issues.push_back({file.string(), field, error.what()});
      }
      if (!box) continue;
      result.polygons += std::string(shape.name()) != "box";
      Object object;
      object.box = *box;
      annotated.objects.push_back({shape.attribute("label").value(), object, field});
    }
    result.images.push_back(std::move(annotated));
  }
  return result;
}

}  // namespace lanner::datasets
