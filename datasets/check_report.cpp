#include <iomanip>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/check.h"

namespace lanner::datasets {
namespace {

using Json = nlohmann::ordered_json;

std::map<std::string, int64_t> counts_of(const Faults& faults) {
  std::map<std::string, int64_t> counts;
  for (const auto& fault : faults) ++counts[fault.outcome()];
  return counts;
}

std::string list_of(const std::vector<double>& values, const char* separator) {
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
  row("root of area", boxes.side, 1), row("height / width", boxes.ratio, 2);
  text << "  small, medium, large (COCO's): " << boxes.areas[0] << ", " << boxes.areas[1] << ", "
       << boxes.areas[2] << "\n"
       << std::defaultfloat << std::setprecision(6);
  const auto fit = [&](const AnchorFit& one) {
    text << "mean IoU " << std::fixed << std::setprecision(2) << one.mean_iou << ", "
         << std::setprecision(0) << 100 * one.covered << " % of the boxes above 0.5\n"
         << std::defaultfloat << std::setprecision(6);
  };
  text << "anchors that suit them: --anchor-sizes \"" << list_of(boxes.suggested.sizes, ";")
       << "\" --anchor-ratios " << list_of(boxes.suggested.ratios, ",") << "\n  ";
  fit(boxes.suggested);
  text << "  the common 32;64;128;256;512 with 0.5,1,2: ";
  fit(boxes.common);
}

}  // namespace

std::string to_text(const CheckReport& report) {
  constexpr size_t kListed = 50;
  std::ostringstream text;
  text << report.images << " images, " << report.objects << " objects, "
       << report.images_without_objects << " images without objects\n";
  for (const auto& [name, count] : report.objects_of)
    text << "  " << std::left << std::setw(24) << name << std::right << std::setw(8) << count
         << "\n";
  if (!report.boxes.sides.empty()) write_boxes(text, report.boxes);
  text << report.faults.size() << (report.faults.size() == 1 ? " fault" : " faults");
  const char* separator = ": ";
  for (const auto& [outcome, count] : counts_of(report.faults)) {
    text << separator << count << " " << outcome;
    separator = ", ";
  }
  text << "\n";
  for (size_t i = 0; i < std::min(kListed, report.faults.size()); ++i)
    text << "  " << report.faults[i].text() << ": " << report.faults[i].outcome() << "\n";
  if (report.faults.size() > kListed)
    text << "  and " << report.faults.size() - kListed << " more; --json FILE has them all\n";
  return text.str();
}

std::string to_json(const CheckReport& report) {
  Json root{{"images", report.images},
            {"objects", report.objects},
            {"images_without_objects", report.images_without_objects},
            {"usable", report.usable()}};
  for (const auto& [name, count] : report.objects_of) root["objects_of"][name] = count;
  root["boxes"] = {{"quantiles", kQuantiles},
                   {"width", report.boxes.width},
                   {"height", report.boxes.height},
                   {"ratio", report.boxes.ratio},
                   {"small_medium_large", report.boxes.areas}};
  root["anchors"] = {{"suggested", to_json(report.boxes.suggested)},
                     {"common", to_json(report.boxes.common)}};
  root["fault_counts"] = counts_of(report.faults);
  root["faults"] = Json::array();
  for (const auto& fault : report.faults)
    root["faults"].push_back({{"file", fault.file},
                              {"field", fault.field},
                              {"message", fault.message},
                              {"action", fault.outcome()}});
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lanner::datasets
