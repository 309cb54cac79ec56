#include "lanner/datasets/converting/convert.h"

#include <algorithm>
#include <set>

#include "lanner/datasets/converting/choose_classes.h"
#include "lanner/datasets/converting/split_groups.h"
#include "lanner/datasets/converting/write_yolo.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image_files.h"
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
  if (!fs::is_directory(options.data)) return source;
  std::vector<fs::path> used;
  for (const auto& image : source.dataset.images) used.push_back(image.path);
  if (const auto unused = describe_unused(options.data, used); !unused.empty())
    report.notes.push_back(
        unused + " are left out: they are in no split that was read, or have no annotation");
  return source;
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
      write_yolo_labels(out / "labels" / split / (stem.string() + ".txt"), image);
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
  choose_classes(dataset, options.merge, options.classes, report.notes);
  if (options.to != "coco") drop_crowds(dataset, options.to, report);
  if (!options.split.empty()) {
    const auto [parts, in_order] =
        split_images(dataset.images, options.split, static_cast<uint64_t>(options.seed));
    for (size_t i = 0; i < parts.size(); ++i) split[i] = kSplits[parts[i]];
    if (in_order)
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
  if (options.to == "yolo") {
    std::vector<std::string> written;
    for (const auto& converted : report.splits) written.push_back(converted.name);
    write_yolo_yaml(options.out / "data.yaml", dataset.categories, written);
  }
  return report;
}

}  // namespace lanner::datasets
