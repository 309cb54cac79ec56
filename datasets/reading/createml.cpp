#include "lanner/datasets/reading/createml.h"

#include "lanner/datasets/reading/image_index.h"
#include "lanner/datasets/reading/json_file.h"

namespace lanner::datasets {
namespace fs = std::filesystem;

Annotations read_createml(const fs::path& file, Issues& issues) {
  const auto root = read_json(file);
  ImageIndex images({file.parent_path(), file.parent_path() / "images"});
  Annotations result;
  result.name_field = ".label";
  result.box_field = ".coordinates";
  size_t index = 0;
  for (const auto& entry : root) {
    const std::string where = "[" + std::to_string(index++) + "]";
    try {
      // "imagefilename" in older versions.
      const std::string name = entry.contains("image")
                                   ? entry.at("image").get<std::string>()
                                   : entry.at("imagefilename").get<std::string>();
      const auto path = escapes_folder(name) ? std::nullopt : images.find(name);
      if (!path) {
        issues.push_back({file.string(), where + ".image", "no such image: \"" + name + "\""});
        continue;
      }
      AnnotatedImage annotated{{.path = *path}, file.string(), {}, {}};
      for (const auto& item : entry.at("annotations")) {
        const auto& box = item.at("coordinates");
        const double x = box.at("x"), y = box.at("y"), width = box.at("width"),
                     height = box.at("height");
        Object object;
        object.box = {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
        annotated.objects.push_back(
            {item.at("label").get<std::string>(), object,
             where + ".annotations[" + std::to_string(annotated.objects.size()) + "]"});
      }
      result.images.push_back(std::move(annotated));
    } catch (const nlohmann::json::exception& error) {
      issues.push_back({file.string(), where, error.what()});
    }
  }
  return result;
}

}  // namespace lanner::datasets
