#include <iomanip>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/checking/check.h"

namespace lanner::datasets {
namespace {

using Json = nlohmann::ordered_json;

std::map<std::string, int64_t> counts_of(const Issues& issues) {
  std::map<std::string, int64_t> counts;
  for (const auto& issue : issues) ++counts[issue.outcome()];
  return counts;
}

std::string join(const std::vector<double>& values, const char* separator) {
  std::ostringstream text;
  for (size_t i = 0; i < values.size(); ++i) text << (i ? separator : "") << values[i];
  return text.str();
}

Json to_json(const AnchorFit& fit) {
  return {{"sizes", fit.sizes},
          {"ratios", fit.ratios},
          {"mean_iou", fit.mean_iou},
          {"covered", fit.covered}};
}

void write_boxes(std::ostream& text, const BoxStatistics& boxes) {
  text << "boxes" << std::setw(13) << "";
  for (const double q : kQuantiles) text << std::setw(8) << q * 100 << "%";
  text << "\n" << std::fixed;
  const auto row = [&](const char* name, const Quantiles& values, int digits) {
    text << "  " << std::left << std::setw(16) << name << std::right << std::setprecision(digits);
    for (const double value : values) text << std::setw(9) << value;
    text << "\n";
  };
  row("width", boxes.width, 1), row("height", boxes.height, 1);
  row("sqrt(area)", boxes.side, 1), row("height / width", boxes.ratio, 2);
  text << "  small, medium, large (COCO): " << boxes.areas[0] << ", " << boxes.areas[1] << ", "
       << boxes.areas[2] << "\n"
       << std::defaultfloat << std::setprecision(6);
  const auto write_fit = [&](const AnchorFit& fit) {
    text << "mean IoU " << std::fixed << std::setprecision(2) << fit.mean_iou << ", "
         << std::setprecision(0) << 100 * fit.covered << " % of boxes at 0.5 or more\n"
         << std::defaultfloat << std::setprecision(6);
  };
  text << "suggested anchors: --anchors.sizes \"" << join(boxes.suggested.sizes, ";")
       << "\" --anchors.ratios " << join(boxes.suggested.ratios, ",") << "\n  ";
  write_fit(boxes.suggested);
  text << "  common anchors 32;64;128;256;512 with 0.5,1,2: ";
  write_fit(boxes.common);
}

}  // namespace

std::string to_text(const CheckReport& report) {
  constexpr size_t kListed = 50;
  std::ostringstream text;
  text << report.images << " images, " << report.objects << " objects, "
       << report.images_without_objects << " images without objects\n";
  for (const auto& [name, count] : report.objects_per_class)
    text << "  " << std::left << std::setw(24) << name << std::right << std::setw(8) << count
         << "\n";
  for (const auto& note : report.notes) text << "note: " << note << "\n";
  if (!report.boxes.sides.empty()) write_boxes(text, report.boxes);
  text << report.issues.size() << (report.issues.size() == 1 ? " issue" : " issues");
  const char* separator = ": ";
  for (const auto& [outcome, count] : counts_of(report.issues)) {
    text << separator << count << " " << outcome;
    separator = ", ";
  }
  text << "\n";
  for (size_t i = 0; i < std::min(kListed, report.issues.size()); ++i)
    text << "  " << report.issues[i].text() << ": " << report.issues[i].outcome() << "\n";
  if (report.issues.size() > kListed)
    text << "  and " << report.issues.size() - kListed << " more; --json FILE writes all of them\n";
  return text.str();
}

std::string to_json(const CheckReport& report) {
  Json root{{"images", report.images},
            {"objects", report.objects},
            {"images_without_objects", report.images_without_objects},
            {"usable", report.usable()}};
  for (const auto& [name, count] : report.objects_per_class)
    root["objects_per_class"][name] = count;
  root["boxes"] = {{"quantiles", kQuantiles},
                   {"width", report.boxes.width},
                   {"height", report.boxes.height},
                   {"ratio", report.boxes.ratio},
                   {"small_medium_large", report.boxes.areas}};
  root["anchors"] = {{"suggested", to_json(report.boxes.suggested)},
                     {"common", to_json(report.boxes.common)}};
  root["notes"] = report.notes;
  root["issue_counts"] = counts_of(report.issues);
  root["issues"] = Json::array();
  for (const auto& issue : report.issues)
    root["issues"].push_back({{"file", issue.file},
                              {"field", issue.field},
                              {"message", issue.message},
                              {"action", issue.outcome()}});
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lanner::datasets
