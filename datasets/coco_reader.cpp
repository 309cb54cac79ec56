#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "lanner/datasets/coco.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/json_entries.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace json = simdjson::dom;
namespace {

static_assert(simdjson::SIMDJSON_PADDING <= 64);  // what JsonEntry promises

std::string name_of(std::string_view list, size_t index) {
  return std::string(list.empty() ? "detections" : list) + "[" + std::to_string(index) + "]";
}

std::string shown(const json::element& value) {
  std::string text = simdjson::minify(value);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

// Reads the fields of one entry of a list, such as annotations[7]; what is wrong becomes a fault.
class Entry {
 public:
  Entry(const std::string& file, const JsonEntry& entry, json::parser& parser, Faults& faults)
      : file_(file), list_(entry.list), index_(entry.index), faults_(faults) {
    if (const auto error = parser.parse(entry.text.data(), entry.text.size(), false).get(value_))
      fail("", std::string("not JSON: ") + simdjson::error_message(error));
    else if (!value_.is_object())
      fail("", "expected an object, got " + shown(value_));
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
          {file_, name_of(list_, index_) + (field.empty() ? "" : "." + field), message});
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
  std::string_view list_;
  size_t index_;
  json::element value_;
  Faults& faults_;
  bool sound_ = true;
};

// The ids and references of annotations, once everything is known: lists come in any order.
void check_references(CocoFile& coco, const std::vector<size_t>& places,
                      const std::unordered_set<int64_t>& image_ids,
                      const std::unordered_set<int64_t>& category_ids, const std::string& file,
                      Faults& faults) {
  std::vector<CocoAnnotation> kept;
  std::vector<std::pair<int64_t, size_t>> ids;
  kept.reserve(coco.annotations.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const auto& a = coco.annotations[i];
    const auto unknown = [&](const char* field, const char* what, int64_t id) {
      faults.push_back({file, name_of("annotations", places[i]) + "." + field,
                        std::string("unknown ") + what + " " + std::to_string(id)});
    };
    if (!category_ids.count(a.category_id))
      unknown("category_id", "category", a.category_id);
    else if (!image_ids.count(a.image_id))
      unknown("image_id", "image", a.image_id);
    else
      kept.push_back(a), ids.emplace_back(a.id, places[i]);
  }
  coco.annotations = std::move(kept);
  std::sort(ids.begin(), ids.end());
  for (size_t i = 1; i < ids.size(); ++i)
    if (ids[i].first == ids[i - 1].first && ids[i].first != 0)
      faults.push_back({file, name_of("annotations", ids[i].second) + ".id",
                        "given twice: " + std::to_string(ids[i].first), Fault::Action::renumber});
}

}  // namespace

CocoFile read_coco(const fs::path& file, Faults& faults) {
  const std::string name = file.string();
  CocoFile coco;
  json::parser parser;
  std::unordered_set<int64_t> image_ids, category_ids;
  std::vector<size_t> places;  // of coco.annotations in the file
  const auto read_category = [&](Entry& entry) {
    Category category{entry.integer("id"), entry.text("name")};
    if (entry.sound() && !category_ids.insert(category.id).second)
      entry.fail("id", "given twice: " + std::to_string(category.id));
    if (entry.sound()) coco.categories.push_back(std::move(category));
  };
  const auto read_image = [&](Entry& entry) {
    CocoImage image{entry.integer("id"), entry.text("file_name"), entry.pixels("width"),
                    entry.pixels("height")};
    if (entry.sound() && !image_ids.insert(image.id).second)
      entry.fail("id", "given twice: " + std::to_string(image.id));
    if (entry.sound() && leaves_its_folder(image.file_name))
      entry.fail("file_name", "leaves the image folder: \"" + image.file_name + "\"");
    if (entry.sound()) coco.images.push_back(std::move(image));
  };
  const auto read_annotation = [&](Entry& entry, size_t index) {
    CocoAnnotation a;
    a.image_id = entry.integer("image_id");
    a.category_id = entry.integer("category_id");
    a.bbox = entry.box("bbox");
    a.id = entry.integer_or("id", 0);
    a.area = entry.number_or("area", a.bbox.width * a.bbox.height);
    a.crowd = entry.flag("iscrowd");
    if (entry.sound()) coco.annotations.push_back(a), places.push_back(index);
  };
  const auto lists = for_each_entry(file, [&](const JsonEntry& found) {
    if (found.list != "images" && found.list != "annotations" && found.list != "categories") return;
    Entry entry(name, found, parser, faults);
    if (found.list == "categories") read_category(entry);
    if (found.list == "images") read_image(entry);
    if (found.list == "annotations") read_annotation(entry, found.index);
  });
  if (!lists.problem.empty()) faults.push_back({name, "JSON", lists.problem});
  for (const char* needed : {"images", "annotations", "categories"})
    if (std::find(lists.names.begin(), lists.names.end(), needed) == lists.names.end())
      faults.push_back({name, needed, "missing, or not a list"});
  check_references(coco, places, image_ids, category_ids, name, faults);
  return coco;
}

std::vector<CocoDetection> read_detections(const fs::path& file) {
  const std::string name = file.string();
  std::vector<CocoDetection> detections;
  json::parser parser;
  Faults faults;
  const auto lists = for_each_entry(file, [&](const JsonEntry& found) {
    if (!found.list.empty()) return;
    Entry entry(name, found, parser, faults);
    detections.push_back({entry.integer("image_id"), entry.integer("category_id"),
                          entry.box("bbox"), entry.number("score")});
    if (!faults.empty()) throw bad_data(faults[0].text());
  });
  if (!lists.problem.empty()) throw bad_data(name + ": JSON: " + lists.problem);
  if (lists.names != std::vector<std::string>{""})
    throw bad_data(name + ": JSON: expected a list of detections (COCO's results form)");
  return detections;
}

}  // namespace lanner::datasets
