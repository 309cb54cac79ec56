#include "lanner/datasets/reading/voc.h"

#include <algorithm>
#include <map>
#include <optional>
#include <pugixml.hpp>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/reading/coco.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

class Reader {
 public:
  Reader(std::string file, Issues& issues) : file_(std::move(file)), issues_(issues) {}

  std::optional<double> number(const pugi::xml_node& parent, const char* name,
                               const std::string& where) {
    const std::string text = parent.child_value(name);
    try {
      size_t used = 0;
      const double value = std::stod(text, &used);
      if (text.find_first_not_of(" \t\r\n", used) == std::string::npos) return value;
    } catch (const std::exception&) {
    }
    issues_.push_back({file_, where + "." + name,
                       parent.child(name) ? "expected a number, got \"" + text + "\"" : "missing"});
    return std::nullopt;
  }

  std::optional<Box> box(const pugi::xml_node& node, const std::string& where) {
    if (!node) {
      issues_.push_back({file_, where, "missing"});
      return std::nullopt;
    }
    const auto x1 = number(node, "xmin", where), y1 = number(node, "ymin", where),
               x2 = number(node, "xmax", where), y2 = number(node, "ymax", where);
    if (!x1 || !y1 || !x2 || !y2) return std::nullopt;
    return Box{*x1 - 1, *y1 - 1, *x2 - 1, *y2 - 1};  // VOC pixel coordinates start at 1
  }

 private:
  std::string file_;
  Issues& issues_;
};

}  // namespace

Dataset read_voc(const VocFolders& folders, const std::vector<Category>* known, Issues& issues) {
  struct NamedObject {
    std::string name;
    size_t image;
    Object object;
  };
  Dataset dataset;
  std::vector<NamedObject> objects;
  std::map<std::string, int64_t> labels;
  if (known)
    for (size_t i = 0; i < known->size(); ++i)
      labels[(*known)[i].name] = static_cast<int64_t>(i) + 1;

  for (const auto& name : folders.names()) {
    if (escapes_folder(name)) {
      issues.push_back({folders.list.string(), "name", "leaves its folder: \"" + name + "\""});
      continue;
    }
    const fs::path path = folders.annotation(name);
    const std::string file = path.string();
    pugi::xml_document document;
    const auto parsed = document.load_file(file.c_str());
    const auto annotation = document.child("annotation");
    if (!parsed || !annotation) {
      issues.push_back({file, "XML",
                        !fs::exists(path) ? "no such file"
                        : parsed          ? "no <annotation>"
                                          : std::string(parsed.description()) + " at byte " +
                                       std::to_string(parsed.offset)});
      continue;
    }
    const auto image_path = folders.image(name, annotation.child_value("filename"));
    if (!image_path) {
      issues.push_back(
          {file, "filename", "no image \"" + name + "\" in " + folders.images[0].string()});
      continue;
    }
    ImageRecord image{static_cast<int64_t>(dataset.images.size()) + 1,
                      *image_path,
                      annotation.child("size").child("width").text().as_int(),
                      annotation.child("size").child("height").text().as_int(),
                      {}};
    Reader reader(file, issues);
    int index = 0;
    for (const auto node : annotation.children("object")) {
      const std::string where = "object[" + std::to_string(index++) + "]";
      const std::string category = node.child_value("name");
      if (category.empty()) {
        issues.push_back({file, where + ".name", "missing"});
        continue;
      }
      if (known && !labels.count(category)) {
        issues.push_back({file, where + ".name",
                          "unknown category \"" + category +
                              "\": not among the classes of the model or training set"});
        continue;
      }
      const auto box = reader.box(node.child("bndbox"), where + ".bndbox");
      if (!box) continue;
      Object object;
      object.box = *box;
      object.difficult = node.child("difficult").text().as_int() != 0;
      if (!clip_to_image(object, image, file, where + ".bndbox", issues)) continue;
      object.area = object.box.width() * object.box.height();
      if (!known) labels[category] = 0;
      objects.push_back({category, dataset.images.size(), object});
    }
    dataset.images.push_back(std::move(image));
  }

  if (known) {
    dataset.categories = *known;
  } else {
    for (auto& [name, label] : labels) {
      label = static_cast<int64_t>(dataset.categories.size()) + 1;
      dataset.categories.push_back({label, name});
    }
  }
  for (auto& [name, image, object] : objects) {
    object.label = labels.at(name);
    dataset.images[image].objects.push_back(object);
  }
  return dataset;
}

void write_voc(const fs::path& file, const ImageRecord& image,
               const std::vector<Category>& categories) {
  pugi::xml_document document;
  auto root = document.append_child("annotation");
  const auto add = [](pugi::xml_node node, const char* name, const auto& value) {
    node.append_child(name).text().set(value);
  };
  add(root, "folder", "JPEGImages");
  add(root, "filename", image.path.filename().c_str());
  auto size = root.append_child("size");
  add(size, "width", image.width);
  add(size, "height", image.height);
  add(size, "depth", 3);
  for (const auto& object : image.objects) {
    auto node = root.append_child("object");
    add(node, "name", categories[object.label - 1].name.c_str());
    add(node, "difficult", object.difficult ? 1 : 0);
    auto box = node.append_child("bndbox");
    add(box, "xmin", object.box.x1 + 1);
    add(box, "ymin", object.box.y1 + 1);
    add(box, "xmax", object.box.x2 + 1);
    add(box, "ymax", object.box.y2 + 1);
  }
  std::ostringstream text;
  document.save(text, "  ");
  write_file(file, text.str());
}

}  // namespace lanner::datasets
