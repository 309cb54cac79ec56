#include "tools/jobs/evaluate.h"

#include <iostream>
#include <optional>

#include "lanner/datasets/error.h"
#include "lanner/datasets/evaluation/unknown_results.h"
#include "lanner/datasets/evaluation/voc_evaluation.h"
#include "lanner/datasets/evaluation/voc_results.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/reports/evaluation_report.h"

namespace lanner::tools {
namespace {

void save(const std::filesystem::path& path, const datasets::CocoFile& truth,
          const std::vector<datasets::CocoDetection>& detections) {
  auto known = detections;
  std::erase_if(known, [](const auto& d) { return d.image_id == datasets::kUnknownImage; });
  if (path.extension() == ".json")
    datasets::write_detections(path, truth, known);
  else
    datasets::write_voc_results(path, truth, detections);
}

// Results that do not count are mentioned; if none counts, they belong to other data.
void check_ids(const EvalOptions& options, const datasets::CocoFile& truth,
               const std::vector<datasets::CocoDetection>& detections) {
  const auto unknown = datasets::count_unknown(truth, detections);
  const auto all = static_cast<int64_t>(detections.size());
  const bool none_counts = all > 0 && unknown.images + unknown.categories == all;
  const auto report = [&](int64_t count, const std::string& what) {
    if (count == 0) return;
    const auto text = std::to_string(count) + " of " + std::to_string(all) + " detections are of " +
                      what + " that the annotations lack";
    if (none_counts) throw bad_data(options.detections.string() + ": " + what + ": " + text);
    std::cerr << "warning: " << text << "; they do not count\n";
  };
  report(unknown.images, "images");
  report(unknown.categories, "categories");
}

}  // namespace

void evaluate(const EvalOptions& options, const datasets::CocoFile& truth,
              const std::vector<datasets::CocoDetection>& detections) {
  check_ids(options, truth, detections);
  if (!options.save_detections.empty()) save(options.save_detections, truth, detections);
  std::string json;
  if (options.metric == "coco") {
    const auto metrics = datasets::evaluate_coco(truth, detections, options.iou);
    std::cout << datasets::to_text(metrics);
    std::optional<datasets::ErrorAnalysis> errors;
    if (options.errors) {
      errors = datasets::analyze_errors(truth, detections, metrics);
      std::cout << datasets::to_text(*errors, metrics);
    }
    json = datasets::to_json(metrics, errors ? &*errors : nullptr);
  } else {
    const auto metrics =
        datasets::evaluate_voc(truth, detections, options.metric == "voc07", options.iou);
    std::cout << datasets::to_text(metrics);
    json = datasets::to_json(metrics);
  }
  if (!options.metrics_json.empty()) datasets::write_file(options.metrics_json, json);
}

}  // namespace lanner::tools
