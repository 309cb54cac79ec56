#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_set>

#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/coco.h"
#include "lanner/datasets/reading/json_entries.h"
#include "lanner/datasets/reading/text_lines.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace json = simdjson::dom;
namespace {

static_assert(simdjson::SIMDJSON_PADDING <= 64);  // JsonEntry guarantees 64 readable bytes

std::string name_of(std::string_view list, size_t index) {
  return std::string(list.empty() ? "detections" : list) + "[" + std::to_string(index) + "]";
}

std::string short_text(const json::element& value) {
  std::string text = simdjson::minify(value);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

// The member of an object that holds NaN or Infinity, as Python writes them; empty if there is
// none.
std::string field_that_is_no_number(std::string_view text) {
  std::string_view string, key;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    if (c == ':' && depth == 1) key = string;
    if (text.substr(i).starts_with("NaN") || text.substr(i).starts_with("Infinity"))
      return std::string(key);
    if (c != '"') continue;
    const size_t begin = ++i;
    while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
    string = text.substr(begin, std::min(i, text.size()) - begin);
  }
  return {};
}

// Reads the fields of one list entry, such as annotations[7]. Only the first problem is reported.
class Entry {
 public:
  Entry(const std::string& file, const JsonEntry& entry, json::parser& parser, Issues& issues)
      : file_(file), list_(entry.list), index_(entry.index), issues_(issues) {
    if (const auto error = parser.parse(entry.text.data(), entry.text.size(), false).get(value_)) {
      const auto field = field_that_is_no_number(entry.text);
      fail(field, field.empty() ? std::string("not JSON: ") + simdjson::error_message(error)
                                : "expected numbers, got NaN or Infinity, which JSON lacks");
    }
    if (valid_ && !value_.is_object()) fail("", "expected an object, got " + short_text(value_));
  }

  bool valid() const { return valid_; }

  // Some exporters write numbers as strings, so these are accepted.
  double number(const char* name) {
    json::element field;
    if (!valid_ || !find(name, field)) return 0;
    return to_number(name, field);
  }
  double number_or(const char* name, double fallback) {
    json::element field;
    if (!valid_ || value_[name].get(field) || field.is_null()) return fallback;
    return to_number(name, field);
  }
  // A side of an image; 0 if absent.
  int pixels(const char* name) {
    const double value = number_or(name, 0);
    if (valid_ && !(value >= 0 && value <= 1e6))
      fail(name, "expected 0 to 1000000 pixels, got " + short_text(value_[name].value()));
    return valid_ ? static_cast<int>(value) : 0;
  }
  int64_t integer(const char* name) {
    json::element field;
    if (!valid_ || !find(name, field)) return 0;
    if (const auto value = to_integer(field)) return *value;
    fail(name, "expected an integer, got " + short_text(field));
    return 0;
  }
  // An integer, or a text that stands for one: the same for the same text in all files.
  int64_t identifier(const char* name) {
    json::element field;
    std::string_view text;
    if (!valid_ || !find(name, field)) return 0;
    if (!to_integer(field) && !field.get(text)) return number_of(text);
    return integer(name);
  }
  // The text that identifier() stands for; empty if the field is an integer.
  std::string text_identifier(const char* name) {
    json::element field;
    std::string_view text;
    if (!valid_ || value_[name].get(field) || to_integer(field) || field.get(text)) return {};
    return std::string(text);
  }
  int64_t identifier_or(const char* name, int64_t fallback) {
    json::element field;
    return valid_ && !value_[name].get(field) ? identifier(name) : fallback;
  }
  std::string text(const char* name) {
    json::element field;
    std::string_view value;
    if (!valid_ || !find(name, field)) return {};
    if (field.get(value)) fail(name, "expected a string, got " + short_text(field));
    return std::string(value);
  }
  CocoBox box(const char* name) {
    json::element field;
    json::array numbers;
    if (!valid_ || !find(name, field)) return {};
    if (field.get(numbers) || numbers.size() != 4) {
      fail(name, "expected [x, y, width, height], got " + short_text(field));
      return {};
    }
    double v[4] = {};
    size_t i = 0;
    for (const auto number : numbers) v[i++] = to_number(name, number);
    return {v[0], v[1], v[2], v[3]};
  }
  bool flag(const char* name) {
    json::element field;
    bool value = false;
    if (!valid_ || value_[name].get(field) || field.is_null()) return false;
    if (!field.get(value)) return value;
    return to_number(name, field) != 0;
  }
  void fail(const std::string& field, const std::string& message) {
    if (valid_)
      issues_.push_back(
          {file_, name_of(list_, index_) + (field.empty() ? "" : "." + field), message});
    valid_ = false;
  }

 private:
  bool find(const char* name, json::element& field) {
    if (!value_[name].get(field)) return true;
    fail(name, "missing");
    return false;
  }
  // Integers are never read as doubles, which hold only 53 bits.
  static std::optional<int64_t> to_integer(const json::element& field) {
    int64_t value = 0;
    if (!field.get(value)) return value;
    double number = 0;
    if (!field.get(number) && number == std::floor(number) && std::abs(number) <= 9e15)
      return static_cast<int64_t>(number);
    std::string_view text;
    if (!field.get(text) && !text.empty()) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc() && end == text.data() + text.size() && std::to_string(value) == text)
        return value;
    }
    return std::nullopt;
  }
  // FNV-1a, below 2^63.
  static int64_t number_of(std::string_view text) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001B3u;
    return static_cast<int64_t>(hash >> 1);
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
    fail(name, "expected a number, got " + short_text(field));
    return 0;
  }

  const std::string& file_;
  std::string_view list_;
  size_t index_;
  json::element value_;
  Issues& issues_;
  bool valid_ = true;
};

// Checks ids and references after reading the whole file, since its lists may be in any order.
// `indices` are the indices of coco.annotations in the file.
void check_references(CocoFile& coco, const std::vector<size_t>& indices,
                      const std::unordered_set<int64_t>& image_ids,
                      const std::unordered_set<int64_t>& category_ids, const std::string& file,
                      Issues& issues) {
  std::vector<CocoAnnotation> valid;
  std::vector<std::pair<int64_t, size_t>> ids;
  valid.reserve(coco.annotations.size());
  for (size_t i = 0; i < indices.size(); ++i) {
    const auto& a = coco.annotations[i];
    const auto unknown = [&](const char* field, const char* what, int64_t id) {
      issues.push_back({file, name_of("annotations", indices[i]) + "." + field,
                        std::string("unknown ") + what + " " + std::to_string(id)});
    };
    if (!category_ids.count(a.category_id))
      unknown("category_id", "category", a.category_id);
    else if (!image_ids.count(a.image_id))
      unknown("image_id", "image", a.image_id);
    else
      valid.push_back(a), ids.emplace_back(a.id, indices[i]);
  }
  coco.annotations = std::move(valid);
  std::sort(ids.begin(), ids.end());
  for (size_t i = 1; i < ids.size(); ++i)
    if (ids[i].first == ids[i - 1].first && ids[i].first != 0)
      issues.push_back({file, name_of("annotations", ids[i].second) + ".id",
                        "used twice: " + std::to_string(ids[i].first), Issue::Action::renumber});
}

}  // namespace

CocoFile read_coco(const fs::path& file, Issues& issues) {
  const std::string name = file.string();
  CocoFile coco;
  json::parser parser;
  std::unordered_set<int64_t> image_ids, category_ids;
  std::vector<size_t> annotation_indices;  // in the file
  const auto read_category = [&](Entry& entry) {
    Category category{entry.integer("id"), {}};
    if (entry.valid() && !category_ids.insert(category.id).second)
      entry.fail("id", "used twice: " + std::to_string(category.id));
    category.name = trimmed(entry.text("name"));
    if (entry.valid()) coco.categories.push_back(std::move(category));
  };
  const auto read_image = [&](Entry& entry) {
    CocoImage image;
    image.id = entry.identifier("id");
    image.text_id = entry.text_identifier("id");
    // The id is known even if another field is wrong: one cause, one message.
    if (entry.valid() && !image_ids.insert(image.id).second)
      entry.fail("id", "used twice: " + std::to_string(image.id));
    image.width = entry.pixels("width"), image.height = entry.pixels("height");
    const bool valid = entry.valid();
    image.file_name = entry.text("file_name");
    std::replace(image.file_name.begin(), image.file_name.end(), '\\', '/');  // from Windows
    if (entry.valid() && escapes_folder(image.file_name))
      entry.fail("file_name", "leaves the image folder: \"" + image.file_name + "\"");
    if (valid) coco.images.push_back(std::move(image));
  };
  const auto read_annotation = [&](Entry& entry, size_t index) {
    CocoAnnotation a;
    a.image_id = entry.identifier("image_id");
    a.category_id = entry.integer("category_id");
    a.bbox = entry.box("bbox");
    a.id = entry.identifier_or("id", 0);
    a.area = entry.number_or("area", a.bbox.width * a.bbox.height);
    a.crowd = entry.flag("iscrowd");
    a.difficult = entry.flag("difficult");  // as write_coco writes it
    if (entry.valid()) coco.annotations.push_back(a), annotation_indices.push_back(index);
  };
  const auto lists = for_each_entry(file, [&](const JsonEntry& json_entry) {
    if (json_entry.list != "images" && json_entry.list != "annotations" &&
        json_entry.list != "categories")
      return;
    Entry entry(name, json_entry, parser, issues);
    if (json_entry.list == "categories") read_category(entry);
    if (json_entry.list == "images") read_image(entry);
    if (json_entry.list == "annotations") read_annotation(entry, json_entry.index);
  });
  if (!lists.problem.empty()) {
    // The rest of the file is unknown, so nothing can be called missing.
    issues.push_back({name, "JSON", lists.problem});
    return {};
  }
  for (const char* needed : {"images", "annotations", "categories"})
    if (std::find(lists.names.begin(), lists.names.end(), needed) == lists.names.end())
      issues.push_back({name, needed, "missing, or not a list"});
  check_references(coco, annotation_indices, image_ids, category_ids, name, issues);
  return coco;
}

std::vector<CocoDetection> read_detections(const fs::path& file) {
  const std::string name = file.string();
  std::vector<CocoDetection> detections;
  json::parser parser;
  Issues issues;
  const auto lists = for_each_entry(file, [&](const JsonEntry& json_entry) {
    if (!json_entry.list.empty()) return;
    Entry entry(name, json_entry, parser, issues);
    detections.push_back({entry.identifier("image_id"), entry.integer("category_id"),
                          entry.box("bbox"), entry.number("score")});
    if (!issues.empty()) throw bad_data(issues[0].text());
  });
  if (!lists.problem.empty()) throw bad_data(name + ": JSON: " + lists.problem);
  if (lists.names != std::vector<std::string>{""})
    throw bad_data(name + ": JSON: expected a list of detections (COCO's results format)");
  return detections;
}

}  // namespace lanner::datasets
