#include "lanner/datasets/reading/csv.h"

#include <csv.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <unordered_map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/image_index.h"
#include "lanner/datasets/reading/text_lines.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

using Row = std::vector<std::string>;

// Calls `take` with each row until it returns false. `take` must not throw: its caller is C.
void for_each_row(const fs::path& file, const std::function<bool(const Row&)>& take) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw missing_file(file.string() + ": cannot be read");
  struct State {
    const std::function<bool(const Row&)>& take;
    Row row{};
    bool more = true;
  } state{take};
  csv_parser parser;
  csv_init(&parser, CSV_APPEND_NULL);
  const auto end_of_field = [](void* text, size_t size, void* data) {
    static_cast<State*>(data)->row.emplace_back(static_cast<const char*>(text), size);
  };
  const auto end_of_row = [](int, void* data) {
    auto& s = *static_cast<State*>(data);
    if (s.more) s.more = s.take(s.row);
    s.row.clear();
  };
  std::vector<char> block(1 << 16);
  bool start = true;
  while (state.more && (in.read(block.data(), std::ssize(block)), in.gcount() > 0)) {
    const char* text = block.data();
    auto size = static_cast<size_t>(in.gcount());
    if (start && std::string_view(text, size).starts_with("\xEF\xBB\xBF")) text += 3, size -= 3;
    start = false;
    if (csv_parse(&parser, text, size, end_of_field, end_of_row, &state) != size) break;
  }
  if (state.more) csv_fini(&parser, end_of_field, end_of_row, &state);
  const int error = csv_error(&parser);
  csv_free(&parser);
  if (error) throw bad_data(file.string() + ": CSV: " + csv_strerror(error));
}

// The position of the named columns, whatever their case; -1 for those that the file lacks.
struct Columns {
  int image = -1, name = -1, x1 = -1, y1 = -1, x2 = -1, y2 = -1;
  int width = -1, height = -1, group = -1;
  bool open_images = false;

  explicit Columns(const Row& header) {
    for (int i = 0; i < static_cast<int>(header.size()); ++i) {
      std::string text = trimmed(header[i]);
      std::transform(text.begin(), text.end(), text.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      if (text == "imageid") open_images = true;
      if (text == "filename" || text == "imageid") image = i;
      if (text == "class" || text == "label" || text == "labelname") name = i;
      if (text == "xmin") x1 = i;
      if (text == "ymin") y1 = i;
      if (text == "xmax") x2 = i;
      if (text == "ymax") y2 = i;
      if (text == "width") width = i;
      if (text == "height") height = i;
      if (text == "isgroupof") group = i;
    }
  }
  bool complete() const { return std::min({image, name, x1, y1, x2, y2}) >= 0; }
  int last() const { return std::max({image, name, x1, y1, x2, y2, width, height, group}); }
};

// Names of Open Images' classes by code.
std::unordered_map<std::string, std::string> class_names(const fs::path& folder) {
  std::unordered_map<std::string, std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("class-descriptions") || entry.path().extension() != ".csv") continue;
    for_each_row(entry.path(), [&](const Row& row) {
      if (row.size() == 2) names[row[0]] = row[1];
      return true;
    });
  }
  return names;
}

// The first word of a file's name: train of train-annotations-bbox.csv or train_labels.csv.
std::string split_of(const fs::path& file) {
  const auto stem = file.stem().string();
  return stem.substr(0, stem.find_first_of("-_"));
}

bool to_number(const std::string& text, double& value) {
  try {
    size_t used = 0;
    value = std::stod(text, &used);
    return used == text.size();
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

bool is_annotation_csv(const fs::path& file) {
  bool complete = false;
  for_each_row(file, [&](const Row& header) {
    complete = Columns(header).complete();
    return false;
  });
  return complete;
}

Annotations read_csv(const fs::path& file, Issues& issues) {
  const fs::path folder = file.parent_path().empty() ? "." : file.parent_path();
  std::vector<fs::path> folders{folder, folder / "images"};
  if (const auto split = split_of(file); !split.empty())
    for (const auto& base : {folder, folder / "images", folder / ".."}) {
      folders.push_back(base / split);
    }
  ImageIndex images(std::move(folders));
  Annotations result;
  result.name_field.clear();
  std::optional<Columns> columns;
  Row header;
  const auto names = class_names(folder);
  std::unordered_map<std::string, std::optional<size_t>> index_of;  // nullopt: no such image
  int64_t number = 0;
  for_each_row(file, [&](const Row& row) {
    const std::string where = "row " + std::to_string(++number);
    if (!columns) {
      columns.emplace(row);
      header = row;
      result.fractions = columns->open_images;
      return columns->complete();
    }
    const auto& c = *columns;
    if (static_cast<int>(row.size()) <= c.last()) {
      issues.push_back({file.string(), where,
                        "expected " + std::to_string(c.last() + 1) + " columns or more, got " +
                            std::to_string(row.size())});
      return true;
    }
    const auto [entry, added] = index_of.try_emplace(row[c.image]);
    if (added) {
      const auto& name = entry->first;
      auto path = escapes_folder(name) ? std::nullopt : images.find(name);
      if (!path && c.open_images && !escapes_folder(name)) path = images.find_stem(name);
      if (path) {
        entry->second = result.images.size();
        AnnotatedImage annotated;
        annotated.image.path = *path;
        annotated.file = file.string();
        if (c.width >= 0) annotated.image.width = std::atoi(row[c.width].c_str());
        if (c.height >= 0) annotated.image.height = std::atoi(row[c.height].c_str());
        result.images.push_back(std::move(annotated));
      } else {
        issues.push_back({file.string(), where, "no such image: \"" + name + "\""});
      }
    }
    if (!entry->second) return true;
    auto& annotated = result.images[*entry->second];
    Object object;
    auto& box = object.box;
    for (const auto& [column, value] :
         {std::pair{c.x1, &box.x1}, {c.y1, &box.y1}, {c.x2, &box.x2}, {c.y2, &box.y2}})
      if (!to_number(row[column], *value)) {
        annotated.issues.push_back({file.string(), where + "." + header[column],
                                    "expected a number, got \"" + row[column] + "\""});
        return true;
      }
    if (c.group >= 0) object.crowd = row[c.group] == "1";
    const auto named = names.find(row[c.name]);
    annotated.objects.push_back(
        {named == names.end() ? row[c.name] : named->second, object, where});
    return true;
  });
  if (!columns || !columns->complete())
    throw bad_data(file.string() +
                   ": columns: expected filename, class, xmin, ymin, xmax, ymax, or ImageID, "
                   "LabelName, XMin, XMax, YMin, YMax");
  return result;
}

}  // namespace lanner::datasets
