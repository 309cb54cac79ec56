#include <cerrno>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/results/image_results.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

std::string text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json box_of(const FoundObject& object) {
  return {object.box.x1, object.box.y1, object.box.width(), object.box.height()};
}

// Written entry by entry, so that memory does not grow with it.
class CocoResults : public ResultsWriter {
 public:
  CocoResults(const fs::path& file, const Categories& categories)
      : file_(file), categories_(categories) {}

  void add(const ImageResults& results) override {
    for (const auto& object : results.objects) {
      Json entry{{"image_id", results.image_id},
                 {"category_id", categories_[object.label - 1].id},
                 {"bbox", box_of(object)},
                 {"score", object.score},
                 {"file_name", results.file_name}};
      if (results.frame) entry["frame"] = *results.frame, entry["seconds"] = results.seconds;
      if (object.track > 0) entry["track"] = object.track;
      file_.stream() << (count_++ ? ",\n " : "[\n ") << text(entry);
    }
  }
  void finish() override {
    file_.stream() << (count_ ? "\n]\n" : "[]\n");
    file_.commit();
  }

 private:
  AtomicFile file_;
  const Categories categories_;
  int64_t count_ = 0;
};

// A file that is read while it is written; "-" is stdout.
class LineFile {
 public:
  explicit LineFile(const fs::path& file) : file_(file) {
    if (file != "-") errno = 0, out_.open(file, std::ios::binary), check();
  }
  void write(const std::string& line) {
    errno = 0;
    (file_ == "-" ? std::cout : out_) << line << std::flush;
    check();
  }

 private:
  void check() const {
    if (file_ == "-" ? !std::cout : !out_)
      throw io_error((file_ == "-" ? "stdout" : file_.string()) +
                     ": cannot be written: " + std::strerror(errno));
  }

  const fs::path file_;
  std::ofstream out_;
};

class JsonLines : public ResultsWriter {
 public:
  JsonLines(const fs::path& file, const Categories& categories)
      : file_(file), categories_(categories) {}

  void add(const ImageResults& results) override {
    Json line{{"file_name", results.file_name},
              {"width", results.rgb.cols},
              {"height", results.rgb.rows}};
    if (results.frame) line["frame"] = *results.frame, line["seconds"] = results.seconds;
    line["objects"] = Json::array();
    for (const auto& object : results.objects) {
      const auto& category = categories_[object.label - 1];
      line["objects"].push_back({{"category", category.name},
                                 {"category_id", category.id},
                                 {"bbox", box_of(object)},
                                 {"score", object.score}});
      if (object.track > 0) line["objects"].back()["track"] = object.track;
    }
    file_.write(text(line) + "\n");
  }

 private:
  LineFile file_;
  const Categories categories_;
};

// A field of a CSV file (RFC 4180).
std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string result = "\"";
  for (const char c : field) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

class CsvResults : public ResultsWriter {
 public:
  CsvResults(const fs::path& file, const Categories& categories)
      : file_(file), categories_(categories) {
    file_.write("file_name,frame,seconds,category,score,x1,y1,x2,y2,track\n");
  }

  void add(const ImageResults& results) override {
    std::ostringstream rows;
    for (const auto& object : results.objects) {
      const auto& box = object.box;
      rows << quoted(results.file_name) << ',';
      if (results.frame)
        rows << *results.frame << ',' << results.seconds << ',';
      else
        rows << ",,";
      rows << quoted(categories_[object.label - 1].name) << ',' << object.score << ',' << box.x1
           << ',' << box.y1 << ',' << box.x2 << ',' << box.y2 << ',';
      if (object.track > 0) rows << object.track;
      rows << '\n';
    }
    if (rows.tellp() > 0) file_.write(rows.str());
  }

 private:
  LineFile file_;
  const Categories categories_;
};

}  // namespace

std::unique_ptr<ResultsWriter> coco_results(const fs::path& file, const Categories& categories) {
  return std::make_unique<CocoResults>(file, categories);
}

std::unique_ptr<ResultsWriter> json_lines(const fs::path& file, const Categories& categories) {
  return std::make_unique<JsonLines>(file, categories);
}

std::unique_ptr<ResultsWriter> csv_results(const fs::path& file, const Categories& categories) {
  return std::make_unique<CsvResults>(file, categories);
}

}  // namespace lanner::datasets
