#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image_files.h"
#include "lanner/datasets/reading/text_lines.h"
#include "lanner/datasets/reading/yolo.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

bool is_yaml(const fs::path& file) {
  return file.extension() == ".yaml" || file.extension() == ".yml";
}

YAML::Node load_yaml(const fs::path& file) {
  try {
    auto root = YAML::LoadFile(file.string());
    if (!root.IsMap()) throw bad_data(file.string() + ": YAML: expected a map with names");
    return root;
  } catch (const YAML::Exception& error) {
    throw bad_data(file.string() + ": YAML: " + error.what());
  }
}

std::vector<std::string> names_in(const YAML::Node& root, const fs::path& file) {
  std::vector<std::string> names;
  try {
    const auto list = root["names"];
    if (list && !list.IsSequence() && !list.IsMap())
      throw bad_data(file.string() + ": names: expected a list or map of names, got \"" +
                     (list.IsScalar() ? list.as<std::string>() : "") + "\"");
    for (const auto& item : list) {
      if (list.IsSequence()) {
        names.push_back(trimmed(item.as<std::string>()));
        continue;
      }
      const auto index = item.first.as<size_t>();
      if (index >= 100'000)
        throw bad_data(file.string() + ": names: expected classes below 100000, got " +
                       std::to_string(index));
      names.resize(std::max(names.size(), index + 1));
      names[index] = trimmed(item.second.as<std::string>());
    }
  } catch (const YAML::Exception& error) {
    throw bad_data(file.string() + ": names: " + error.what());
  }
  return names;
}

// The .yaml file of a folder: data.yaml, or the only one that has `names` or `train`.
std::optional<fs::path> find_yaml(const fs::path& folder) {
  for (const char* name : {"data.yaml", "data.yml", "dataset.yaml"})
    if (fs::is_regular_file(folder / name)) return folder / name;
  std::vector<fs::path> files;
  std::error_code unreadable;  // as the folder above may be
  for (const auto& entry : fs::directory_iterator(folder, unreadable))
    if (is_yaml(entry.path()) && entry.is_regular_file()) try {
        const auto root = load_yaml(entry.path());
        if (root["names"] && root["train"]) files.push_back(entry.path());
      } catch (const Error&) {  // not a data set
      }
  return files.size() == 1 ? std::optional(files[0]) : std::nullopt;
}

// The .yaml file or classes.txt of a folder or the one above.
std::vector<std::string> find_names(const fs::path& root) {
  for (const auto& folder : {root, root / ".."}) {
    if (const auto file = find_yaml(folder))
      if (const auto yaml = load_yaml(*file); yaml["names"]) return names_in(yaml, *file);
    if (fs::exists(folder / "classes.txt")) return text_lines(folder / "classes.txt");
  }
  return {};
}

// The file or folder `path` in one of `bases`, also without its leading ".." (Roboflow writes one
// too many) or without its first folder (CVAT writes one that does not exist).
std::optional<fs::path> resolve(const std::string& path, const std::vector<fs::path>& bases) {
  std::string text = path;
  std::replace(text.begin(), text.end(), '\\', '/');
  fs::path inner, shorter;
  for (const auto& part : fs::path(text).lexically_normal()) {
    if (!inner.empty()) shorter /= part;
    if (part != "..") inner /= part;
  }
  for (const auto& name : {fs::path(text), inner, shorter})
    for (const auto& base : bases)
      if (std::error_code too_long; !name.empty() && fs::exists(base / name, too_long))
        return (base / name).lexically_normal();
  return std::nullopt;
}

void add_folder(YoloFiles& files, const fs::path& folder) {
  const auto images = images_under(folder);
  files.images.insert(files.images.end(), images.begin(), images.end());
  if (const auto labels = labels_beside(folder); labels != folder) files.labels = labels;
}

// Adds what an entry of a .yaml or .data file names: a folder, an image, or a list of images.
void add_entry(YoloFiles& files, const std::string& entry, const std::vector<fs::path>& bases,
               const std::string& where) {
  const auto path = resolve(entry, bases);
  if (!path)
    throw missing_file(where + ": no such file or folder: \"" + entry + "\" in " +
                       bases[0].string());
  if (fs::is_directory(*path)) return add_folder(files, *path);
  if (is_image_name(*path)) return files.images.push_back(*path);
  auto line_bases = bases;
  line_bases.insert(line_bases.begin(), path->parent_path());
  for (const auto& line : text_lines(*path)) {
    const auto image = resolve(line, line_bases);
    files.images.push_back(image ? *image : path->parent_path() / line);  // reported when read
  }
}

std::optional<YoloFiles> from_yaml(const fs::path& file, const std::string& split) {
  const auto root = load_yaml(file);
  const auto entry = root[split.empty() ? "train" : split];
  if (!entry || entry.IsNull()) return std::nullopt;
  const std::string where = file.string() + ": " + (split.empty() ? "train" : split);
  YoloFiles files;
  if (const auto shape = root["kpt_shape"]; shape && shape.IsSequence() && shape.size() == 2)
    files.keypoint_numbers = shape[0].as<size_t>(0) * shape[1].as<size_t>(0);
  files.names = root["names"] ? names_in(root, file) : find_names(file.parent_path());
  const fs::path folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  std::vector<fs::path> bases{folder};
  if (root["path"] && root["path"].IsScalar()) {
    const auto path = root["path"].as<std::string>();
    if (fs::is_directory(folder / path))
      bases.insert(bases.begin(), folder / path);
    else
      files.notes.push_back(file.string() + ": path: no such folder: \"" + path +
                            "\"; images are looked for beside the file");
  }
  if (entry.IsScalar())
    add_entry(files, entry.as<std::string>(), bases, where);
  else if (entry.IsSequence())
    for (const auto& part : entry)
      add_entry(files, part.IsScalar() ? part.as<std::string>() : "", bases, where);
  else
    throw bad_data(where + ": expected a folder, a list file, or a list of them");
  if (entry.IsSequence()) files.labels.clear();  // several folders
  if (split.empty())
    files.notes.push_back("no split is named: `train` of " + file.string() + " is read");
  return files;
}

std::optional<YoloFiles> from_darknet(const fs::path& file, const std::string& split) {
  std::map<std::string, std::string> fields;
  for (const auto& line : text_lines(file))
    if (const auto equals = line.find('='); equals != std::string::npos)
      fields[trimmed(line.substr(0, equals))] = trimmed(line.substr(equals + 1));
  const auto entry = fields.find(split.empty() ? "train" : split);
  if (entry == fields.end() || entry->second.empty()) return std::nullopt;
  const std::vector<fs::path> bases{file.parent_path().empty() ? "." : file.parent_path()};
  YoloFiles files;
  if (const auto& entry_names = fields["names"]; !entry_names.empty()) {
    const auto names = resolve(entry_names, bases);
    if (!names)
      throw missing_file(file.string() + ": names: no such file: \"" + entry_names + "\"");
    files.names = text_lines(*names);
  }
  add_entry(files, entry->second, bases, file.string() + ": " + entry->first);
  return files;
}

bool has_labels_beside(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (is_image_name(entry.path()) && fs::exists(fs::path(entry.path()).replace_extension(".txt")))
      return true;
  return false;
}

std::optional<YoloFiles> from_folders(const fs::path& root, const std::string& split) {
  // Not all splits at once.
  if (split.empty() && fs::is_directory(root / "images" / "train")) return std::nullopt;
  for (const auto& [images, labels] : {std::pair{root / "images" / split, root / "labels" / split},
                                       std::pair{root / split / "images", root / split / "labels"}})
    if (fs::is_directory(images) && fs::is_directory(labels)) {
      YoloFiles files;
      add_folder(files, images.lexically_normal());
      files.names = find_names(root);
      return files;
    }
  if (!split.empty() || !has_labels_beside(root)) return std::nullopt;
  YoloFiles files;
  add_folder(files, root);
  files.names = find_names(root);
  return files;
}

}  // namespace

fs::path labels_beside(const fs::path& images) {
  std::vector<fs::path> parts(images.begin(), images.end());
  const auto last = std::find(parts.rbegin(), parts.rend(), "images");
  if (last == parts.rend()) return images;
  *last = "labels";
  fs::path result;
  for (const auto& part : parts) result /= part;
  return result;
}

std::optional<YoloFiles> find_yolo(const fs::path& root, const std::string& split) {
  if (is_yaml(root)) return from_yaml(root, split);
  if (root.extension() == ".data" && !fs::is_directory(root)) return from_darknet(root, split);
  if (const auto yaml = find_yaml(root))
    if (auto files = from_yaml(*yaml, split)) return files;
  if (fs::exists(root / "obj.data"))
    if (auto files = from_darknet(root / "obj.data", split)) return files;
  return from_folders(root, split);
}

}  // namespace lanner::datasets
