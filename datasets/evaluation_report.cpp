#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/evaluation.h"

namespace lanner::datasets {
namespace {

using Json = nlohmann::ordered_json;

Json numbers(const CocoMetrics& m) {
  return {{"AP", m.AP},       {"AP50", m.AP50}, {"AP75", m.AP75}, {"APs", m.APs},
          {"APm", m.APm},     {"APl", m.APl},   {"AR1", m.AR1},   {"AR10", m.AR10},
          {"AR100", m.AR100}, {"ARs", m.ARs},   {"ARm", m.ARm},   {"ARl", m.ARl}};
}

// As a percentage, or a dash where undefined.
std::string percent(double value) {
  std::ostringstream text;
  if (value < 0)
    text << "-";
  else
    text << std::fixed << std::setprecision(1) << 100 * value;
  return text.str();
}

}  // namespace

std::string to_json(const CocoMetrics& metrics) {
  Json root = numbers(metrics);
  root["per_class"] = Json::object();
  for (const auto& [name, ap] : metrics.per_class)
    root["per_class"][name] = {{"AP", ap}, {"AP50", metrics.per_class50.at(name)}};
  return root.dump(2) + "\n";
}

std::string to_json(const VocMetrics& metrics) {
  Json root{{"mAP", metrics.mAP}, {"per_class", Json::object()}};
  for (const auto& [name, ap] : metrics.per_class) root["per_class"][name] = {{"AP", ap}};
  return root.dump(2) + "\n";
}

std::string to_text(const CocoMetrics& metrics) {
  std::ostringstream text;
  const auto row = numbers(metrics);
  for (const auto& [name, value] : row.items()) text << std::setw(7) << name;
  text << "\n";
  for (const auto& [name, value] : row.items())
    text << std::setw(7) << percent(value.get<double>());
  text << "\n\n"
       << std::left << std::setw(24) << "class" << std::right << std::setw(7) << "AP"
       << std::setw(7) << "AP50"
       << "\n";
  for (const auto& [name, ap] : metrics.per_class)
    text << std::left << std::setw(24) << name << std::right << std::setw(7) << percent(ap)
         << std::setw(7) << percent(metrics.per_class50.at(name)) << "\n";
  return text.str();
}

std::string to_text(const VocMetrics& metrics) {
  std::ostringstream text;
  text << "mAP " << percent(metrics.mAP) << "\n\n"
       << std::left << std::setw(24) << "class" << std::right << std::setw(7) << "AP"
       << "\n";
  for (const auto& [name, ap] : metrics.per_class)
    text << std::left << std::setw(24) << name << std::right << std::setw(7) << percent(ap) << "\n";
  return text.str();
}

}  // namespace lanner::datasets
