#include "lanner/datasets/coco.h"

#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace json = simdjson::dom;
namespace {

simdjson::padded_string load(const fs::path& file) {
  if (!fs::exists(file)) throw missing_file(file.string() + ": no such file");
  simdjson::padded_string text;
  if (simdjson::padded_string::load(file.string()).get(text))
    throw io_error(file.string() + ": cannot be read");
  return text;
}

std::string shown(const json::element& value) {
  std::string text = simdjson::minify(value);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

// Reads the fields of one entry of a list, such as annotations[7]; what is wrong becomes a fault.
class Entry {
 public:
  Entry(const std::string& file, const std::string& list, size_t index, json::element value,
        Faults& faults)
      : file_(file), list_(list), index_(index), value_(value), faults_(faults) {
    if (!value_.is_object()) fail("", "expected an object, got " + shown(value_));
  }

  bool sound() const { return sound_; }

  // Numbers may be written as strings: some exporters do.
  double number(const char* name) {
    json::element field;
    if (!sound_ || !find(name, field)) return 0;
    return to_number(name, field);
  }
  double number_or(const char* name, double fallback) {
    json::element field;
    if (!sound_ || value_[name].get(field) || field.is_null()) return fallback;
    return to_number(name, field);
  }
  // A side of an image; 0 where it is not given.
  int pixels(const char* name) {
    const double value = number_or(name, 0);
    if (sound_ && !(value >= 0 && value <= 1e6))
      fail(name, "expected 0 to 1000000 pixels, got " + shown(value_[name].value()));
    return sound_ ? static_cast<int>(value) : 0;
  }
  int64_t integer(const char* name) {
    const double value = number(name);
    if (sound_ && (value != std::floor(value) || std::abs(value) > 9e15))
      fail(name, "expected a whole number, got " + shown(value_[name].value()));
    return sound_ ? static_cast<int64_t>(value) : 0;
  }
  int64_t integer_or(const char* name, int64_t fallback) {
    json::element field;
    return sound_ && !value_[name].get(field) ? integer(name) : fallback;
  }
  std::string text(const char* name) {
    json::element field;
    std::string_view value;
    if (!sound_ || !find(name, field)) return {};
    if (field.get(value)) fail(name, "expected a string, got " + shown(field));
    return std::string(value);
  }
  CocoBox box(const char* name) {
    json::element field;
    json::array numbers;
    if (!sound_ || !find(name, field)) return {};
    if (field.get(numbers) || numbers.size() != 4) {
      fail(name, "expected [x, y, width, height], got " + shown(field));
      return {};
    }
    double v[4] = {};
    size_t i = 0;
    for (const auto number : numbers) v[i++] = to_number(name, number);
    return {v[0], v[1], v[2], v[3]};
  }
  bool flag(const char* name) {
    json::element field;
    bool truth = false;
    if (!sound_ || value_[name].get(field) || field.is_null()) return false;
    if (!field.get(truth)) return truth;
    return to_number(name, field) != 0;
  }
  void fail(const std::string& field, const std::string& message) {
    if (sound_)
      faults_.push_back(
          {file_, list_ + "[" + std::to_string(index_) + "]" + (field.empty() ? "" : "." + field),
           message});
    sound_ = false;
  }

 private:
  bool find(const char* name, json::element& field) {
    if (!value_[name].get(field)) return true;
    fail(name, "missing");
    return false;
  }
  double to_number(const char* name, const json::element& field) {
    double value = 0;
    std::string_view text;
    if (!field.get(value)) return value;
    if (!field.get(text)) {
      try {
        size_t used = 0;
        value = std::stod(std::string(text), &used);
        if (used == text.size()) return value;
      } catch (const std::exception&) {
      }
    }
    fail(name, "expected a number, got " + shown(field));
    return 0;
  }

  const std::string& file_;
  const std::string& list_;
  size_t index_;
  json::element value_;
  Faults& faults_;
  bool sound_ = true;
};

template <typename Read>
void each(const json::element& root, const std::string& file, const std::string& list,
          Faults& faults, Read read) {
  json::array entries;
  if (root[list].get(entries)) {
    faults.push_back({file, list, "missing, or not a list"});
    return;
  }
  size_t index = 0;
  for (const auto value : entries) {
    Entry entry(file, list, index++, value, faults);
    read(entry);
  }
}

fs::path find_images(const fs::path& file, const CocoFile& coco, const fs::path& image_root) {
  if (!image_root.empty()) return image_root;
  const fs::path folder = file.parent_path();
  std::string split = file.stem().string();
  if (const auto underscore = split.rfind('_'); underscore != std::string::npos)
    split = split.substr(underscore + 1);
  for (const fs::path& root :
       {folder, folder / "images", folder / split, folder / ".." / split, folder / "..",
        folder / ".." / "images", folder / ".." / "images" / split})
    if (!coco.images.empty() && fs::exists(root / coco.images[0].file_name))
      return root.lexically_normal();
  return folder;
}

}  // namespace

CocoFile read_coco(const fs::path& file, Faults& faults) {
  const auto text = load(file);
  const std::string name = file.string();
  json::parser parser;
  json::element root;
  if (const auto error = parser.parse(text).get(root)) {
    faults.push_back({name, "JSON", simdjson::error_message(error)});
    return {};
  }
  if (!root.is_object()) {
    faults.push_back({name, "JSON", "expected an object with images, annotations and categories"});
    return {};
  }
  CocoFile coco;
  std::unordered_set<int64_t> image_ids, category_ids;
  each(root, name, "categories", faults, [&](Entry& entry) {
    Category category{entry.integer("id"), entry.text("name")};
    if (entry.sound() && !category_ids.insert(category.id).second)
      entry.fail("id", "given twice: " + std::to_string(category.id));
    if (entry.sound()) coco.categories.push_back(std::move(category));
  });
  each(root, name, "images", faults, [&](Entry& entry) {
    CocoImage image{entry.integer("id"), entry.text("file_name"), entry.pixels("width"),
                    entry.pixels("height")};
    if (entry.sound() && !image_ids.insert(image.id).second)
      entry.fail("id", "given twice: " + std::to_string(image.id));
    const fs::path path = image.file_name;
    if (entry.sound() &&
        (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()))
      entry.fail("file_name", "leaves the image folder: \"" + image.file_name + "\"");
    if (entry.sound()) coco.images.push_back(std::move(image));
  });
  each(root, name, "annotations", faults, [&](Entry& entry) {
    CocoAnnotation a;
    a.image_id = entry.integer("image_id");
    a.category_id = entry.integer("category_id");
    a.bbox = entry.box("bbox");
    a.id = entry.integer_or("id", 0);
    a.area = entry.number_or("area", a.bbox.width * a.bbox.height);
    a.crowd = entry.flag("iscrowd");
    if (entry.sound() && !category_ids.count(a.category_id))
      entry.fail("category_id", "unknown category " + std::to_string(a.category_id));
    if (entry.sound() && !image_ids.count(a.image_id))
      entry.fail("image_id", "unknown image " + std::to_string(a.image_id));
    if (entry.sound()) coco.annotations.push_back(a);
  });
  return coco;
}

Dataset to_dataset(const CocoFile& coco, const fs::path& file, const fs::path& image_root,
                   const std::vector<Category>* known, Faults& faults) {
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

  const fs::path root = find_images(file, coco, image_root);
  std::unordered_map<int64_t, size_t> position;
  for (const auto& image : coco.images) {
    position[image.id] = dataset.images.size();
    dataset.images.push_back({image.id, root / image.file_name, image.width, image.height, {}});
  }
  for (size_t i = 0; i < coco.annotations.size(); ++i) {
    const auto& a = coco.annotations[i];
    const std::string where = "annotation " + std::to_string(a.id);
    const auto label = label_of.find(a.category_id);
    if (label == label_of.end()) {
      faults.push_back({file.string(), where + ".category_id",
                        "category " + std::to_string(a.category_id) +
                            " is not among the classes of the model or training set"});
      continue;
    }
    auto& image = dataset.images[position.at(a.image_id)];
    Object object{{a.bbox.x, a.bbox.y, a.bbox.x + a.bbox.width, a.bbox.y + a.bbox.height},
                  label->second,
                  a.area,
                  a.crowd,
                  false};
    if (clip_to_image(object, image, file.string(), where + ".bbox", faults))
      image.objects.push_back(object);
  }
  return dataset;
}

CocoFile to_coco(const Dataset& dataset) {
  CocoFile coco;
  coco.categories = dataset.categories;
  for (const auto& image : dataset.images) {
    coco.images.push_back({image.id, image.path.filename().string(), image.width, image.height});
    for (const auto& object : image.objects)
      coco.annotations.push_back(
          {static_cast<int64_t>(coco.annotations.size()) + 1,
           image.id,
           dataset.categories[object.label - 1].id,
           {object.box.x1, object.box.y1, object.box.width(), object.box.height()},
           object.area,
           object.crowd,
           object.difficult});
  }
  return coco;
}

void write_coco(const fs::path& file, const CocoFile& coco) {
  nlohmann::ordered_json root;
  root["images"] = root["annotations"] = root["categories"] = nlohmann::ordered_json::array();
  for (const auto& image : coco.images)
    root["images"].push_back({{"id", image.id},
                              {"file_name", image.file_name},
                              {"width", image.width},
                              {"height", image.height}});
  for (const auto& a : coco.annotations)
    root["annotations"].push_back({{"id", a.id},
                                   {"image_id", a.image_id},
                                   {"category_id", a.category_id},
                                   {"bbox", {a.bbox.x, a.bbox.y, a.bbox.width, a.bbox.height}},
                                   {"area", a.area},
                                   {"iscrowd", a.crowd ? 1 : 0}});
  for (const auto& category : coco.categories)
    root["categories"].push_back({{"id", category.id}, {"name", category.name}});
  write_file(file, root.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::vector<CocoDetection> read_detections(const fs::path& file) {
  const auto text = load(file);
  const std::string name = file.string(), list = "detections";
  json::parser parser;
  json::element root;
  json::array entries;
  if (const auto error = parser.parse(text).get(root))
    throw bad_data(name + ": JSON: " + simdjson::error_message(error));
  if (root.get(entries))
    throw bad_data(name + ": JSON: expected a list of detections (COCO's results form)");
  std::vector<CocoDetection> detections;
  Faults faults;
  for (const auto value : entries) {
    Entry entry(name, list, detections.size(), value, faults);
    detections.push_back({entry.integer("image_id"), entry.integer("category_id"),
                          entry.box("bbox"), entry.number("score")});
    if (!faults.empty()) throw bad_data(faults[0].text());
  }
  return detections;
}

void write_file(const fs::path& file, const std::string& content) {
  std::error_code error;
  if (file.has_parent_path()) fs::create_directories(file.parent_path(), error);
  const fs::path partial = file.string() + ".partial";
  std::ofstream out(partial, std::ios::binary);
  out << content;
  out.close();
  if (!out) throw io_error(file.string() + ": cannot be written");
  fs::rename(partial, file, error);
  if (error) throw io_error(file.string() + ": cannot be written: " + error.message());
}

}  // namespace lanner::datasets
