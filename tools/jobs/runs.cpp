#include "tools/jobs/runs.h"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "lanner/datasets/error.h"

namespace lanner::tools {
namespace fs = std::filesystem;
namespace {

struct Run {
  std::string name;
  int64_t step = 0;
  double minutes = 0;
  std::optional<double> loss{}, AP{}, AP50{};    // the last, and the best
  std::map<std::string, std::string> options{};  // of config.cfg
};

std::map<std::string, std::string> read_config(const fs::path& file) {
  std::map<std::string, std::string> options;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (const auto equals = line.find(" = "); equals != std::string::npos && line[0] != '#')
      options[line.substr(0, equals)] = line.substr(equals + 3);
  return options;
}

Run read_run(const fs::path& folder, const std::string& name) {
  Run run{name};
  run.options = read_config(folder / "config.cfg");
  std::ifstream in(folder / "metrics.jsonl");
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!row.is_object()) continue;  // cut off when the run was killed
    run.step = row.value("step", run.step);
    run.minutes = row.value("elapsed", 60 * run.minutes) / 60;
    if (row.contains("loss")) run.loss = row["loss"].get<double>();
    if (row.contains("val_AP") && row["val_AP"].get<double>() >= run.AP.value_or(-2))
      run.AP = row["val_AP"].get<double>(), run.AP50 = row.value("val_AP50", -1.);
  }
  return run;
}

std::vector<Run> find_runs(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw missing_file(folder.string() + ": no such folder");
  std::vector<Run> runs;
  if (fs::exists(folder / "metrics.jsonl")) runs.push_back(read_run(folder, "."));
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_directory() && fs::exists(entry.path() / "metrics.jsonl"))
      runs.push_back(read_run(entry.path(), entry.path().lexically_relative(folder).string()));
  if (runs.empty()) throw missing_file(folder.string() + ": holds no runs: no metrics.jsonl");
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
    return a.AP != b.AP ? a.AP.value_or(-2) > b.AP.value_or(-2) : a.name < b.name;
  });
  return runs;
}

// The options that not all runs share.
std::vector<std::string> differing(const std::vector<Run>& runs) {
  std::map<std::string, std::set<std::string>> values;
  for (const auto& run : runs)
    for (const auto& [name, value] : run.options) values[name].insert(value);
  std::vector<std::string> names;
  for (const auto& [name, all] : values) {
    const bool everywhere =
        std::all_of(runs.begin(), runs.end(),
                    [&, name = name](const auto& run) { return run.options.contains(name); });
    if (name != "out" && name != "resume" && (all.size() > 1 || !everywhere)) names.push_back(name);
  }
  return names;
}

std::string number(const std::optional<double>& value, int digits) {
  if (!value) return "-";
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << *value;
  return text.str();
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      std::cout << (i == 0 ? std::left : std::right) << std::setw(static_cast<int>(widths[i]))
                << row[i] << (i + 1 < row.size() ? "  " : "\n");
  }
}

}  // namespace

int list_runs(const fs::path& folder) {
  const auto runs = find_runs(folder);
  std::vector<std::vector<std::string>> rows{
      {"run", "step", "minutes", "loss", "best val AP", "its AP50"}};
  for (const auto& run : runs)
    rows.push_back({run.name, std::to_string(run.step), number(run.minutes, 1), number(run.loss, 3),
                    number(run.AP, 3), number(run.AP50, 3)});
  print_table(rows);
  const auto names = differing(runs);
  if (runs.size() < 2 || names.empty()) return 0;
  std::cout << "\nwhat differs:\n";
  rows = {{"run"}};
  rows[0].insert(rows[0].end(), names.begin(), names.end());
  for (const auto& run : runs) {
    rows.push_back({run.name});
    for (const auto& name : names)
      rows.back().push_back(run.options.contains(name) ? run.options.at(name) : "-");
  }
  print_table(rows);
  return 0;
}

}  // namespace lanner::tools
