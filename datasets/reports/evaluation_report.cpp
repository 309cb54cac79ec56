#include "lanner/datasets/reports/evaluation_report.h"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>
#include "lanner/datasets/evaluation/voc_evaluation.h"

namespace lanner::datasets {
namespace {

using Json = nlohmann::ordered_json;

Json numbers(const CocoMetrics& m) {
  return {{"AP", m.AP},       {"AP50", m.AP50}, {"AP75", m.AP75}, {"APs", m.APs},
          {"APm", m.APm},     {"APl", m.APl},   {"AR1", m.AR1},   {"AR10", m.AR10},
          {"AR100", m.AR100}, {"ARs", m.ARs},   {"ARm", m.ARm},   {"ARl", m.ARl}};
}

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

// A percentage, or a dash if undefined.
std::string percent(double value) { return value < 0 ? "-" : fixed(100 * value, 1); }

class Table {
 public:
  explicit Table(size_t first) : first_(static_cast<int>(std::max<size_t>(8, first))) {}
  void row(const std::string& name, const std::vector<std::string>& cells) {
    text_ << std::left << std::setw(first_) << name << std::right;
    for (const auto& cell : cells) text_ << std::setw(11) << cell;
    text_ << "\n";
  }
  std::string text() const { return text_.str(); }

 private:
  int first_;
  std::ostringstream text_;
};

size_t longest_name(const CocoMetrics& metrics) {
  size_t longest = 0;
  for (const auto& c : metrics.classes) longest = std::max(longest, c.name.size());
  return longest;
}

}  // namespace

std::string to_json(const CocoMetrics& metrics, const ErrorAnalysis* errors) {
  Json root = numbers(metrics);
  for (size_t t = 0; t < metrics.AP_at_iou.size(); ++t)
    root["AP_at_iou"][fixed(0.5 + 0.05 * static_cast<double>(t), 2)] = metrics.AP_at_iou[t];
  root["iou"] = metrics.iou;
  root["per_class"] = Json::object();
  for (const auto& c : metrics.classes)
    root["per_class"][c.name] = {{"AP", c.AP},
                                 {"AP50", c.AP50},
                                 {"AP75", c.AP75},
                                 {"AR100", c.AR100},
                                 {"objects", c.objects},
                                 {"detections", c.detections},
                                 {"f1", c.curve.f1},
                                 {"threshold", c.curve.threshold},
                                 {"precision", c.curve.precision},
                                 {"score", c.curve.score}};
  if (errors) {
    for (size_t kind = 0; kind < kErrorNames.size(); ++kind)
      root["errors"][kErrorNames[kind]] = {{"count", errors->kinds[kind].count},
                                           {"ap_gain", errors->kinds[kind].ap_gain}};
    root["confusion"] = errors->confusion;
  }
  return root.dump(2) + "\n";
}

std::string to_json(const VocMetrics& metrics) {
  Json root{{"mAP", metrics.mAP}, {"per_class", Json::object()}};
  for (const auto& c : metrics.classes) root["per_class"][c.name] = {{"AP", c.AP}};
  return root.dump(2) + "\n";
}

std::string to_text(const CocoMetrics& metrics) {
  std::ostringstream text;
  const auto row = numbers(metrics);
  for (const auto& [name, value] : row.items()) text << std::setw(7) << name;
  text << "\n";
  for (const auto& [name, value] : row.items())
    text << std::setw(7) << percent(value.get<double>());
  text << "\n\n";
  Table table(longest_name(metrics));
  table.row("class",
            {"objects", "AP", "AP50", "AP75", "AR100", "F1@" + fixed(metrics.iou, 2), "at score"});
  for (const auto& c : metrics.classes) {
    std::vector<std::string> cells{std::to_string(c.objects)};
    for (const double value : {c.AP, c.AP50, c.AP75, c.AR100}) cells.push_back(percent(value));
    cells.push_back(c.objects ? percent(c.curve.f1) : "-");
    cells.push_back(c.curve.f1 > 0 ? fixed(c.curve.threshold, 3) : "-");
    table.row(c.name, cells);
  }
  return text.str() + table.text();
}

std::string to_text(const VocMetrics& metrics) {
  size_t longest = 0;
  for (const auto& c : metrics.classes) longest = std::max(longest, c.name.size());
  Table table(longest);
  table.row("class", {"AP"});
  for (const auto& c : metrics.classes) table.row(c.name, {percent(c.AP)});
  return "mAP " + percent(metrics.mAP) + "\n\n" + table.text();
}

std::string to_text(const ErrorAnalysis& errors, const CocoMetrics& metrics) {
  constexpr size_t kMaxClasses = 12;  // a larger matrix does not fit a terminal
  std::ostringstream text;
  text << "\nErrors at IoU " << fixed(errors.iou, 2) << " (AP " << percent(errors.AP)
       << "): their number at the best-F1 threshold of each class, and the gain in AP\nif all "
          "errors of a kind were fixed\n";
  Table table(14);
  table.row("", {"errors", "AP"});
  for (size_t kind = 0; kind < kErrorNames.size(); ++kind)
    table.row(kErrorNames[kind], {std::to_string(errors.kinds[kind].count),
                                  "+" + percent(errors.kinds[kind].ap_gain)});
  text << table.text();
  if (metrics.classes.size() > kMaxClasses) return text.str();
  text << "\nConfusion matrix: objects in rows, detections in columns\n";
  std::vector<std::string> names;
  for (const auto& c : metrics.classes) names.push_back(c.name);
  names.emplace_back("(none)");
  Table matrix(std::max<size_t>(longest_name(metrics), 9));
  std::vector<std::string> heads;
  for (const auto& name : names) heads.push_back(name.substr(0, 10));
  matrix.row("", heads);
  for (size_t r = 0; r < names.size(); ++r) {
    std::vector<std::string> cells;
    for (const int64_t count : errors.confusion[r]) cells.push_back(std::to_string(count));
    if (r + 1 == names.size()) cells.back() = "";
    matrix.row(names[r], cells);
  }
  return text.str() + matrix.text();
}

}  // namespace lanner::datasets
