#include "tools/jobs/eval.h"

#include <algorithm>
#include <map>

#include "lanner/datasets/files.h"
#include "lanner/datasets/reports/evaluation_html.h"
#include "lanner/datasets/reports/html.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/detect_dataset.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "tools/jobs/evaluate.h"
#include "tools/jobs/run_job.h"

namespace lanner::tools {
namespace {

// Replaces the category ids of the detector by those of the data set, matched by name, so that
// saved detections belong to its annotations. Other categories get ids of their own.
void use_ids_of(const std::vector<datasets::Category>& own, datasets::CocoFile& truth,
                std::vector<datasets::CocoDetection>& detections) {
  int64_t next = 0;
  for (const auto& category : own) next = std::max(next, category.id + 1);
  std::map<int64_t, int64_t> id_of;
  for (auto& category : truth.categories) {
    const auto found = std::find_if(own.begin(), own.end(), [&](const datasets::Category& other) {
      return other.name == category.name;
    });
    const int64_t id = found == own.end() ? next++ : found->id;
    id_of[category.id] = id;
    category.id = id;
  }
  for (auto& annotation : truth.annotations)
    annotation.category_id = id_of.at(annotation.category_id);
  for (auto& detection : detections) detection.category_id = id_of.at(detection.category_id);
}

}  // namespace

int evaluate_model(const EvalOptions& options) {
  const auto device = detectors::device_from_name(options.device);
  auto detector = detectors::load_detector(options.weights, options.thresholds, options.sampling);
  detectors::place(*detector, device);
  const auto dataset =
      datasets::open_dataset(options.data, options.image_root, &detector->options.categories);
  const detectors::Autocast autocast(detectors::use_bfloat16(options.amp, device.type()),
                                     device.type());
  detectors::ProgressLine line("eval");
  auto detections = detectors::detect_dataset(
      detector, dataset, options.batch_size, options.workers,
      [&](double fraction) { line.show(fraction, "", fraction >= 1); }, stopping);
  if (stopping()) return 0;
  if (!options.report.empty())
    datasets::write_file(
        options.report,
        datasets::html_page("lanner eval " + options.data,
                            datasets::evaluation_html(dataset, detections, options.iou)));
  auto truth = datasets::to_coco(dataset);
  if (!options.save_detections.empty()) {
    datasets::Issues reported;  // before, by open_dataset
    const auto own = datasets::read_dataset(options.data, options.image_root, nullptr, reported);
    use_ids_of(own.categories, truth, detections);
  }
  evaluate(options, truth, detections);
  return 0;
}

}  // namespace lanner::tools
