#include "lanner/datasets/reading/coco.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

// The folder that the file names in `coco` are relative to; the file's own if none holds them.
fs::path find_image_folder(const fs::path& file, const CocoFile& coco, const fs::path& image_root) {
  if (!image_root.empty()) return image_root;
  const fs::path folder = file.parent_path();
  std::string split = file.stem().string();
  if (const auto underscore = split.rfind('_'); underscore != std::string::npos)
    split = split.substr(underscore + 1);
  for (const fs::path& root : {folder, folder / "images", folder / split, folder / ".." / split,
                               folder / "..", folder / ".." / "images",
                               folder / ".." / "images" / split, folder / ".." / split / "images"})
    for (size_t i = 0; i < coco.images.size(); i += coco.images.size() / 20 + 1)
      if (std::error_code too_long; fs::exists(root / coco.images[i].file_name, too_long))
        return root.lexically_normal();
  return folder;
}

// The folder that holds all images, so that two of one name in its subfolders stay two.
fs::path common_folder(const std::vector<ImageRecord>& images) {
  if (images.empty()) return {};
  fs::path folder = images[0].path.parent_path();
  for (const auto& image : images) {
    if (image.path.parent_path() == folder) continue;
    const auto other = image.path.parent_path();
    fs::path shared;
    for (auto a = folder.begin(), b = other.begin();
         a != folder.end() && b != other.end() && *a == *b; ++a, ++b)
      shared /= *a;
    folder = shared;
  }
  return folder;
}

// Reads the sizes of images that the annotations do not give.
void read_missing_sizes(Dataset& dataset, const fs::path& file, Issues& issues) {
  std::vector<Issues> found(dataset.images.size());
  parallel_for(dataset.images.size(), [&](size_t i) {
    auto& image = dataset.images[i];
    if (image.width > 0 && image.height > 0) return;
    try {
      const auto size = image_size(image.path);
      image.width = size.width, image.height = size.height;
    } catch (const Error& error) {
      found[i].push_back({file.string(), "image " + std::to_string(image.id),
                          std::string("no width and height, and ") + error.what()});
    }
  });
  for (const auto& each : found) issues.insert(issues.end(), each.begin(), each.end());
}

}  // namespace

Dataset to_dataset(const CocoFile& coco, const fs::path& file, const fs::path& image_root,
                   const std::vector<Category>* known, Issues& issues) {
  Dataset dataset;
  auto categories = coco.categories;
  std::sort(categories.begin(), categories.end(),
            [](const Category& a, const Category& b) { return a.id < b.id; });
  dataset.categories = known ? *known : categories;

  std::unordered_map<int64_t, int64_t> label_of;
  for (const auto& category : categories)
    for (size_t i = 0; i < dataset.categories.size(); ++i)
      if (known ? dataset.categories[i].name == category.name
                : dataset.categories[i].id == category.id)
        label_of.emplace(category.id, static_cast<int64_t>(i) + 1);

  for (size_t i = 0; i < categories.size(); ++i)
    for (size_t j = i + 1; j < categories.size(); ++j)
      if (categories[i].name == categories[j].name)
        dataset.notes.push_back("two categories are called \"" + categories[i].name +
                                "\": " + std::to_string(categories[i].id) + " and " +
                                std::to_string(categories[j].id));

  const fs::path root = find_image_folder(file, coco, image_root);
  std::unordered_map<int64_t, size_t> index_of_image;
  for (const auto& image : coco.images) {
    // Such names were reported when they were read.
    if (image.file_name.empty() || escapes_folder(image.file_name)) continue;
    index_of_image[image.id] = dataset.images.size();
    dataset.images.push_back(
        {image.id, root / image.file_name, image.width, image.height, {}, image.text_id});
  }
  read_missing_sizes(dataset, file, issues);
  for (size_t i = 0; i < coco.annotations.size(); ++i) {
    const auto& a = coco.annotations[i];
    const std::string where = "annotation " + std::to_string(a.id);
    const auto label = label_of.find(a.category_id);
    if (label == label_of.end()) {
      issues.push_back({file.string(), where + ".category_id",
                        "category " + std::to_string(a.category_id) +
                            " is not among the classes of the model or training set"});
      continue;
    }
    const auto found = index_of_image.find(a.image_id);
    if (found == index_of_image.end()) continue;  // the image was rejected
    auto& image = dataset.images[found->second];
    Object object{{a.bbox.x, a.bbox.y, a.bbox.x + a.bbox.width, a.bbox.y + a.bbox.height},
                  label->second,
                  a.area,
                  a.crowd,
                  a.difficult};
    if (clip_to_image(object, image, file.string(), where + ".bbox", issues))
      image.objects.push_back(object);
  }
  return dataset;
}

void add_image(CocoFile& coco, const ImageRecord& image, const std::string& file_name) {
  coco.images.push_back({image.id, file_name, image.width, image.height, image.text_id});
  for (const auto& object : image.objects)
    coco.annotations.push_back(
        {static_cast<int64_t>(coco.annotations.size()) + 1,
         image.id,
         coco.categories[object.label - 1].id,
         {object.box.x1, object.box.y1, object.box.width(), object.box.height()},
         object.area,
         object.crowd,
         object.difficult});
}

CocoFile to_coco(const Dataset& dataset) {
  CocoFile coco;
  const auto folder = common_folder(dataset.images);
  coco.categories = dataset.categories;
  for (const auto& image : dataset.images)
    add_image(coco, image, image.path.lexically_relative(folder).string());
  return coco;
}

namespace {

// The ids of images as the file that they come from has them.
class ImageIds {
 public:
  explicit ImageIds(const std::vector<CocoImage>& images) {
    for (const auto& image : images)
      if (!image.text_id.empty()) texts_.emplace(image.id, image.text_id);
  }
  nlohmann::ordered_json operator()(int64_t id) const {
    const auto text = texts_.find(id);
    if (text == texts_.end()) return id;
    return text->second;
  }

 private:
  std::unordered_map<int64_t, std::string> texts_;
};

// Throws bad_data that says which name `error` is about.
[[noreturn]] void throw_not_utf8(const fs::path& file, const CocoFile& coco,
                                 const nlohmann::json::exception& error) {
  std::vector<std::string> names;
  for (const auto& image : coco.images) names.push_back(image.file_name);
  for (const auto& category : coco.categories) names.push_back(category.name);
  for (const auto& name : names) {
    const auto readable =
        nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (nlohmann::json::parse(readable) != name)
      throw bad_data(file.string() + ": the name " + readable + " is not UTF-8, as JSON requires");
  }
  throw bad_data(file.string() + ": " + error.what());
}

}  // namespace

void write_coco(const fs::path& file, const CocoFile& coco) try {
  const ImageIds id_of(coco.images);
  nlohmann::ordered_json root;
  root["images"] = root["annotations"] = root["categories"] = nlohmann::ordered_json::array();
  for (const auto& image : coco.images)
    root["images"].push_back({{"id", id_of(image.id)},
                              {"file_name", image.file_name},
                              {"width", image.width},
                              {"height", image.height}});
  for (const auto& a : coco.annotations) {
    root["annotations"].push_back({{"id", a.id},
                                   {"image_id", id_of(a.image_id)},
                                   {"category_id", a.category_id},
                                   {"bbox", {a.bbox.x, a.bbox.y, a.bbox.width, a.bbox.height}},
                                   {"area", a.area},
                                   {"iscrowd", a.crowd ? 1 : 0}});
    if (a.difficult) root["annotations"].back()["difficult"] = 1;
  }
  for (const auto& category : coco.categories)
    root["categories"].push_back({{"id", category.id}, {"name", category.name}});
  write_file(file, root.dump());
} catch (const nlohmann::json::exception& error) {
  throw_not_utf8(file, coco, error);
}

void write_detections(const fs::path& file, const CocoFile& truth,
                      const std::vector<CocoDetection>& detections) {
  const ImageIds id_of(truth.images);
  auto root = nlohmann::ordered_json::array();
  for (const auto& d : detections)
    root.push_back({{"image_id", id_of(d.image_id)},
                    {"category_id", d.category_id},
                    {"bbox", {d.bbox.x, d.bbox.y, d.bbox.width, d.bbox.height}},
                    {"score", d.score}});
  write_file(file, root.dump());
}

}  // namespace lanner::datasets
