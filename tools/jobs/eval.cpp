#include "tools/jobs/eval.h"

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

int evaluate_model(const EvalOptions& options) {
  const auto device = detectors::device_from_name(options.device);
  auto detector = detectors::load_detector(options.weights, options.thresholds);
  detectors::place(*detector, device);
  const auto dataset =
      datasets::open_dataset(options.data, options.image_root, &detector->options.categories);
  const detectors::Autocast autocast(detectors::use_bfloat16(options.amp, device.type()),
                                     device.type());
  detectors::ProgressLine line("eval");
  const auto detections = detectors::detect_dataset(
      detector, dataset, options.batch_size, options.workers,
      [&](double fraction) { line.show(fraction, "", fraction >= 1); }, stopping);
  if (stopping()) return 0;
  evaluate(options, datasets::to_coco(dataset), detections);
  if (!options.report.empty())
    datasets::write_file(
        options.report,
        datasets::html_page("lanner eval " + options.data,
                            datasets::evaluation_html(dataset, detections, options.iou)));
  return 0;
}

}  // namespace lanner::tools
