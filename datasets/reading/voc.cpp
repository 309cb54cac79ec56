#include "lanner/datasets/reading/voc.h"

#include <optional>
#include <pugixml.hpp>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/reading/image_index.h"
#include "lanner/datasets/reading/text_lines.h"

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

AnnotatedImage read_annotation(const fs::path& path, const pugi::xml_node& annotation) {
  AnnotatedImage result;
  result.file = path.string();
  result.image.width = annotation.child("size").child("width").text().as_int();
  result.image.height = annotation.child("size").child("height").text().as_int();
  Reader reader(result.file, result.issues);
  int index = 0;
  for (const auto node : annotation.children("object")) {
    const std::string where = "object[" + std::to_string(index++) + "]";
    const auto box = reader.box(node.child("bndbox"), where + ".bndbox");
    if (!box) continue;
    Object object;
    object.box = *box;
    object.difficult = node.child("difficult").text().as_int() != 0;
    result.objects.push_back({node.child_value("name"), object, where});
  }
  return result;
}

}  // namespace

Annotations read_voc(const VocFolders& folders, Issues& issues) {
  Annotations result;
  result.box_field = ".bndbox";
  ImageIndex images(folders.images);
  for (const auto& name : folders.names()) {
    if (escapes_folder(name)) {
      issues.push_back({folders.list.string(), "name", "leaves its folder: \"" + name + "\""});
      continue;
    }
    const fs::path path = folders.annotation(name);
    pugi::xml_document document;
    const auto parsed = document.load_file(path.c_str());
    const auto annotation = document.child("annotation");
    if (!parsed || !annotation) {
      issues.push_back({path.string(), "XML",
                        !fs::exists(path) ? "no such file"
                        : parsed          ? "no <annotation>"
                                          : std::string(parsed.description()) + " at byte " +
                                       std::to_string(parsed.offset)});
      continue;
    }
    // Tools that rename files leave the old name in the annotation, so its stem comes last.
    const std::string filename = trimmed(annotation.child_value("filename"));
    const fs::path given = fs::path(name).parent_path() / fs::path(filename).filename();
    auto image = filename.empty() ? std::nullopt : images.find(given.string());
    if (!image) image = images.find_stem(name);
    if (!image && !filename.empty()) image = images.find_stem(given.stem().string());
    if (!image) {
      issues.push_back({path.string(), "filename",
                        "no image \"" + name + "\"" +
                            (filename.empty() ? "" : " or \"" + filename + "\"") + " in " +
                            folders.images[0].string()});
      continue;
    }
    auto annotated = read_annotation(path, annotation);
    annotated.image.path = *image;
    result.images.push_back(std::move(annotated));
  }
  return result;
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
