#include "lanner/datasets/converting/write_yolo.h"

#include <yaml-cpp/yaml.h>

#include <sstream>

#include "lanner/datasets/files.h"

namespace lanner::datasets {

void write_yolo_labels(const std::filesystem::path& file, const ImageRecord& image) {
  std::ostringstream text;
  text.precision(10);
  for (const auto& object : image.objects) {
    const auto& box = object.box;
    text << object.label - 1 << " " << (box.x1 + box.x2) / 2 / image.width << " "
         << (box.y1 + box.y2) / 2 / image.height << " " << box.width() / image.width << " "
         << box.height() / image.height << "\n";
  }
  write_file(file, text.str());
}

void write_yolo_yaml(const std::filesystem::path& file, const std::vector<Category>& categories,
                     const std::vector<std::string>& splits) {
  YAML::Emitter yaml;
  yaml << YAML::BeginMap << YAML::Key << "path" << YAML::Value << ".";
  for (const auto& split : splits) yaml << YAML::Key << split << YAML::Value << "images/" + split;
  yaml << YAML::Key << "names" << YAML::Value << YAML::BeginMap;
  for (size_t i = 0; i < categories.size(); ++i)
    yaml << YAML::Key << i << YAML::Value << YAML::DoubleQuoted << categories[i].name;
  yaml << YAML::EndMap << YAML::EndMap;
  write_file(file, std::string(yaml.c_str()) + "\n");
}

}  // namespace lanner::datasets
