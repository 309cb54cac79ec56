#include "lanner/detectors/training/report.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/coco.h"
#include "lanner/datasets/html.h"

namespace lanner::detectors {
namespace {

// Every number of the log against its step, in the order in which they first come.
std::vector<datasets::Series> read_log(const std::filesystem::path& file) {
  std::vector<datasets::Series> all;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::ordered_json::parse(line, nullptr, false);
    if (!row.is_object() || !row.contains("step")) continue;  // the line that a crash cut off
    for (const auto& [name, value] : row.items()) {
      if (!value.is_number() || name == "step") continue;
      auto own = std::find_if(all.begin(), all.end(), [&](auto& s) { return s.name == name; });
      if (own == all.end()) own = all.insert(all.end(), {name, {}});
      own->points.emplace_back(row["step"].get<double>(), value.get<double>());
    }
  }
  return all;
}

}  // namespace

void write_report(const std::filesystem::path& run, const std::string& results) {
  std::vector<datasets::Series> losses, accuracies, validation;
  std::string others;
  for (auto& series : read_log(run / "metrics.jsonl")) {
    if (series.name.starts_with("loss") || series.name == "ln_n")  // a guess's loss
      losses.push_back(series);
    else if (series.name.starts_with("accuracy"))
      accuracies.push_back(series);
    else if (series.name.starts_with("val_"))
      validation.push_back({series.name.substr(4), series.points});
    else if (series.name != "epoch" && series.name != "elapsed")
      others += datasets::line_chart({series.name, "step", "", {series}});
  }
  std::string body = "<h2>Training</h2>";
  body += datasets::line_chart({"Losses", "step", "", losses});
  body += datasets::line_chart({"Validation", "step", "", validation});
  body += datasets::line_chart({"Accuracies", "step", "", accuracies});
  body += others;
  body += results;
  if (std::ifstream config(run / "config.cfg"); config) {
    std::ostringstream text;
    text << config.rdbuf();
    body += "<h2>Configuration</h2><pre>" + datasets::escape_html(text.str()) + "</pre>";
  }
  const auto name = std::filesystem::absolute(run).lexically_normal();
  const auto last = name.has_filename() ? name.filename() : name.parent_path().filename();
  datasets::write_file(run / "report.html", datasets::html_page("lanner: " + last.string(), body));
}

}  // namespace lanner::detectors
