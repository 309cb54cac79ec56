#include "lanner/detectors/training/report.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/files.h"
#include "lanner/datasets/reading/coco.h"
#include "lanner/datasets/reports/html.h"

namespace lanner::detectors {
namespace {

// Reads each numeric field of the log as a series over steps, in order of first appearance.
std::vector<datasets::Series> read_log(const std::filesystem::path& file) {
  std::vector<datasets::Series> all;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::ordered_json::parse(line, nullptr, false);
    if (!row.is_object() || !row.contains("step")) continue;  // truncated by a crash
    for (const auto& [name, value] : row.items()) {
      if (!value.is_number() || name == "step") continue;
      auto series = std::find_if(all.begin(), all.end(), [&](auto& s) { return s.name == name; });
      if (series == all.end()) series = all.insert(all.end(), {name, {}});
      series->points.emplace_back(row["step"].get<double>(), value.get<double>());
    }
  }
  return all;
}

}  // namespace

void write_report(const std::filesystem::path& run, const std::string& results) {
  std::vector<datasets::Series> losses, accuracies, validation;
  std::string other_charts;
  for (auto& series : read_log(run / "metrics.jsonl")) {
    if (series.name.starts_with("loss") || series.name == "ln_n")  // the loss of guessing
      losses.push_back(series);
    else if (series.name.starts_with("accuracy"))
      accuracies.push_back(series);
    else if (series.name.starts_with("val_"))
      validation.push_back({series.name.substr(4), series.points});
    else if (series.name != "epoch" && series.name != "elapsed")
      other_charts += datasets::line_chart({series.name, "step", "", {series}});
  }
  std::string body = "<h2>Training</h2>";
  body += datasets::line_chart({"Losses", "step", "", losses});
  body += datasets::line_chart({"Validation", "step", "", validation});
  body += datasets::line_chart({"Accuracies", "step", "", accuracies});
  body += other_charts;
  body += results;
  if (std::ifstream config(run / "config.cfg"); config) {
    std::ostringstream text;
    text << config.rdbuf();
    body += "<h2>Configuration</h2><pre>" + datasets::escape_html(text.str()) + "</pre>";
  }
  const auto path = std::filesystem::absolute(run).lexically_normal();
  const auto name = path.has_filename() ? path.filename() : path.parent_path().filename();
  datasets::write_file(run / "report.html", datasets::html_page("lanner: " + name.string(), body));
}

}  // namespace lanner::detectors
