#include "lanner/datasets/converting/convert.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "lanner/datasets/converting/split_groups.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image_files.h"
#include "lanner/datasets/reading/annotations.h"
#include "lanner/datasets/reading/coco.h"
#include "lanner/datasets/reading/joined.h"
#include "lanner/datasets/reading/read_data.h"
#include "lanner/datasets/reading/voc.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

const std::vector<std::string> kSplits{"train", "val", "test"};

struct Source {
  Dataset dataset;
  std::vector<std::string> split;  // of each image
};

// Says how many images of the folder are in none of the splits.
void note_other_images(const fs::path& folder, const Dataset& dataset, ConvertReport& report) {
  if (!fs::is_directory(folder)) return;
  std::set<fs::path> used;
  for (const auto& image : dataset.images) used.insert(image.path.lexically_normal());
  const auto images = images_under(folder);
  const auto others = std::count_if(images.begin(), images.end(), [&](const fs::path& image) {
    return !used.contains(image.lexically_normal());
  });
  if (others > 0)
    report.notes.push_back(
        std::to_string(others) + " of " + std::to_string(images.size()) + " images under " +
        folder.string() +
        " are left out: they are in no split that was read, or have no annotation");
}

// All splits of the data; all images as `train` if there are no splits.
Source read_source(const ConvertOptions& options, ConvertReport& report) {
  std::vector<Dataset> parts;
  std::vector<std::string> names;
  const bool is_whole = fs::exists(options.data);
  const auto add_split = [&](const std::string& name, const std::string& as) {
    try {
      parts.push_back(open_dataset(options.data + ":" + name, options.image_root));
      names.push_back(as);
      return true;
    } catch (const NoSuchSplit&) {
      return false;
    }
  };
  if (is_whole) {
    if (!add_split("train", "train")) add_split("trainval", "train");
    add_split("val", "val");
    add_split("test", "test");
  }
  if (parts.empty()) {
    const auto colon = options.data.rfind(':');
    const auto given = is_whole || colon == std::string::npos ? "" : options.data.substr(colon + 1);
    parts.push_back(open_dataset(options.data, options.image_root));
    names.push_back(given == "test" ? "test" : given.starts_with("val") ? "val" : "train");
  }
  Source source;
  for (size_t i = 0; i < parts.size(); ++i)
    source.split.insert(source.split.end(), parts[i].images.size(), names[i]);
  source.dataset = parts.size() == 1 ? std::move(parts[0]) : joined(std::move(parts));
  if (is_whole) note_other_images(options.data, source.dataset, report);
  return source;
}

size_t index_of(const std::vector<Category>& categories, const std::string& name,
                const std::string& flag) {
  for (size_t i = 0; i < categories.size(); ++i)
    if (categories[i].name == name) return i;
  std::string known;
  for (const auto& category : categories) known += (known.empty() ? "" : ", ") + category.name;
  throw usage_error("--" + flag + ": no class \"" + name + "\"; the data have " + known);
}

// Applies --merge, then --classes.
void choose_classes(Dataset& dataset, const ConvertOptions& options, ConvertReport& report) {
  auto names = dataset.categories;  // the new name of each category
  for (const auto& entry : options.merge) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals + 1 == entry.size())
      throw usage_error("--merge: expected OLD=NEW, got \"" + entry + "\"");
    names[index_of(dataset.categories, entry.substr(0, equals), "merge")].name =
        entry.substr(equals + 1);
  }
  std::vector<Category> kept;
  for (const auto& category : names)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](const Category& other) { return other.name == category.name; }))
      kept.push_back(category);
  if (!options.classes.empty()) {
    std::vector<Category> chosen;
    for (const auto& text : options.classes) {
      std::istringstream list(text);
      for (std::string name; std::getline(list, name, ',');) {
        name = trimmed(name);
        for (const auto& other : chosen)
          if (other.name == name) throw usage_error("--classes: \"" + name + "\" is given twice");
        chosen.push_back(kept[index_of(kept, name, "classes")]);
      }
    }
    kept = std::move(chosen);
  }
  int64_t left_out = 0;
  for (auto& image : dataset.images)
    left_out += static_cast<int64_t>(std::erase_if(image.objects, [&](Object& object) {
      const auto& name = names[object.label - 1].name;
      const auto found =
          std::find_if(kept.begin(), kept.end(), [&](const Category& c) { return c.name == name; });
      object.label = found - kept.begin() + 1;
      return found == kept.end();
    }));
  if (left_out > 0)
    report.notes.push_back(std::to_string(left_out) + " objects of other classes are left out");
  dataset.categories = std::move(kept);
}

// A file name for each image; two images of one stem get a number.
std::vector<std::string> file_names(const std::vector<ImageRecord>& images, ConvertReport& report) {
  std::set<std::string> stems;
  std::vector<std::string> names;
  int64_t renamed = 0;
  for (const auto& image : images) {
    const auto stem = image.path.stem().string(), extension = image.path.extension().string();
    auto name = stem;
    for (int number = 2; !stems.insert(name).second; ++number)
      name = stem + "_" + std::to_string(number);
    renamed += name != stem;
    names.push_back(name + (is_image_name(image.path) ? extension : ".jpg"));  // read by content
  }
  if (renamed > 0)
    report.notes.push_back(std::to_string(renamed) +
                           " images are renamed: others have the same name");
  return names;
}

void place_image(const fs::path& from, const fs::path& to, bool link) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  if (link)
    fs::create_symlink(fs::absolute(from), to, error);
  else
    fs::copy_file(from, to, error);
  if (error) throw io_error(to.string() + ": cannot be written: " + error.message());
}

std::string yolo_labels(const ImageRecord& image) {
  std::ostringstream text;
  text.precision(10);
  for (const auto& [box, label, area, crowd, difficult] : image.objects)
    text << label - 1 << " " << (box.x1 + box.x2) / 2 / image.width << " "
         << (box.y1 + box.y2) / 2 / image.height << " " << box.width() / image.width << " "
         << box.height() / image.height << "\n";
  return text.str();
}

// In double quotes, as YAML and JSON write text.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string yolo_yaml(const std::vector<Category>& categories,
                      const std::vector<ConvertedSplit>& splits) {
  std::string text = "path: .\n";
  for (const auto& split : splits) text += split.name + ": images/" + split.name + "\n";
  text += "names:\n";
  for (size_t i = 0; i < categories.size(); ++i)
    text += "  " + std::to_string(i) + ": " + quoted(categories[i].name) + "\n";
  return text;
}

// Crowd regions are no objects; only COCO can tell. YOLO has no difficult objects either.
void drop_crowds(Dataset& dataset, const std::string& format, ConvertReport& report) {
  int64_t dropped = 0, difficult = 0;
  for (const auto& image : dataset.images)
    difficult += std::count_if(image.objects.begin(), image.objects.end(),
                               [](const Object& object) { return object.difficult; });
  if (difficult > 0 && format == "yolo")
    report.notes.push_back(std::to_string(difficult) +
                           " difficult objects are ordinary ones in YOLO");
  for (auto& image : dataset.images)
    dropped += static_cast<int64_t>(
        std::erase_if(image.objects, [](const Object& object) { return object.crowd; }));
  if (dropped > 0)
    report.notes.push_back(std::to_string(dropped) +
                           " crowd regions are left out: the format has none");
}

void write_split(const Dataset& part, const ConvertOptions& options, const std::string& split) {
  const auto& out = options.out;
  std::string list;
  for (const auto& image : part.images) {
    const auto name = image.path.filename(), stem = image.path.stem();
    list += stem.string() + "\n";
    if (options.to == "voc")
      write_voc(out / "Annotations" / (stem.string() + ".xml"), image, part.categories);
    if (options.to == "yolo")
      write_file(out / "labels" / split / (stem.string() + ".txt"), yolo_labels(image));
  }
  if (options.to == "voc") write_file(out / "ImageSets" / "Main" / (split + ".txt"), list);
  if (options.to == "coco")
    write_coco(out / "annotations" / ("instances_" + split + ".json"), to_coco(part));
}

}  // namespace

void ConvertOptions::check() const {
  check_fields(*this);
  if (split.empty()) return;
  if (split.size() > kSplits.size() || *std::min_element(split.begin(), split.end()) < 0 ||
      *std::max_element(split.begin(), split.end()) <= 0)
    throw usage_error("split: expected the shares of train, val and test, such as 80,10,10");
}

ConvertReport convert_data(const ConvertOptions& options) {
  options.check();
  if (fs::exists(options.out) && !fs::is_empty(options.out))
    throw usage_error(options.out.string() + ": out: the folder is not empty");
  ConvertReport report;
  auto [dataset, split] = read_source(options, report);
  choose_classes(dataset, options, report);
  if (options.to != "coco") drop_crowds(dataset, options.to, report);
  if (!options.split.empty()) {
    const auto parts =
        split_images(dataset.images, options.split, static_cast<uint64_t>(options.seed));
    for (size_t i = 0; i < parts.size(); ++i) split[i] = kSplits[parts[i]];
    std::set<std::string> groups;
    for (const auto& image : dataset.images) groups.insert(group_of(image.path));
    if (groups.size() < options.split.size())
      report.notes.push_back(
          "all images are copies of one photo or frames of one film, so they are "
          "split in their order");
  }
  const auto names = file_names(dataset.images, report);
  for (const auto& name : kSplits) {
    Dataset part{dataset.categories, {}, {}};
    ConvertedSplit converted{name};
    for (size_t i = 0; i < dataset.images.size(); ++i) {
      if (split[i] != name) continue;
      auto image = dataset.images[i];
      const auto folder = options.to == "coco"  ? fs::path(name)
                          : options.to == "voc" ? fs::path("JPEGImages")
                                                : fs::path("images") / name;
      place_image(image.path, options.out / folder / names[i], options.link);
      image.path = names[i];
      converted.objects += static_cast<int64_t>(image.objects.size());
      part.images.push_back(std::move(image));
    }
    converted.images = static_cast<int64_t>(part.images.size());
    if (part.images.empty()) continue;
    write_split(part, options, name);
    report.splits.push_back(converted);
  }
  if (options.to == "yolo")
    write_file(options.out / "data.yaml", yolo_yaml(dataset.categories, report.splits));
  return report;
}

}  // namespace lanner::datasets
