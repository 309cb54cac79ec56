#include "tools/jobs/quantize.h"

#include <iomanip>
#include <iostream>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/evaluation/coco_evaluation.h"
#include "lanner/datasets/images/image_files.h"
#include "lanner/datasets/loading/loader.h"
#include "lanner/detectors/inference/detect_dataset.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/quantization/quantize.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "tools/jobs/run_job.h"

namespace lanner::tools {
namespace {

using detectors::Detector;

datasets::Dataset images_of(const QuantizeOptions& options, const Detector& detector) {
  if (!options.data.empty())
    return datasets::open_dataset(options.data, options.image_root, &detector->options.categories);
  datasets::Dataset data;
  for (const auto& file : datasets::list_images(options.images))
    data.images.push_back({std::ssize(data.images) + 1, file});
  return data;
}

datasets::CocoMetrics evaluated(Detector& detector, const datasets::Dataset& data,
                                const std::string& name, const QuantizeOptions& options) {
  detectors::ProgressLine line(name);
  const auto detections = detectors::detect_dataset(
      detector, data, 1, options.workers,
      [&](double fraction) { line.show(fraction, "", fraction >= 1); }, stopping);
  return datasets::evaluate_coco(datasets::to_coco(data), detections);
}

std::string megabytes(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1)
       << static_cast<double>(std::filesystem::file_size(file)) / 1e6 << " MB";
  return text.str();
}

void print(const std::vector<detectors::LayerError>& layers) {
  size_t width = 0;
  for (const auto& layer : layers) width = std::max(width, layer.name.size());
  std::cout << std::left << std::setw(static_cast<int>(width)) << "layer"
            << "  error\n"
            << std::fixed << std::setprecision(4);
  for (const auto& layer : layers)
    std::cout << std::setw(static_cast<int>(width)) << layer.name << "  " << layer.error
              << (layer.quantized ? "" : "  stays as it is") << "\n";
}

void print(const datasets::CocoMetrics& before, const datasets::CocoMetrics& after) {
  const auto row = [](const std::string& name, double was, double is) {
    std::cout << std::left << std::setw(24) << name << std::right << std::setw(8) << 100 * was
              << std::setw(8) << 100 * is << std::setw(8) << std::showpos << 100 * (is - was)
              << std::noshowpos << "\n";
  };
  std::cout << std::fixed << std::setprecision(1) << std::right << std::setw(32) << "before"
            << std::setw(8) << "after" << std::setw(8) << "change"
            << "\n";
  row("AP", before.AP, after.AP);
  row("AP50", before.AP50, after.AP50);
  for (size_t i = 0; i < before.classes.size(); ++i)
    row("AP " + before.classes[i].name, before.classes[i].AP, after.classes[i].AP);
}

}  // namespace

void quantize_detector(const QuantizeOptions& options) {
  std::error_code absent;  // OUT may not be there yet
  if (std::filesystem::equivalent(options.weights, options.out, absent))
    throw usage_error("out: " + options.out.string() + " would write over the weights");
  auto detector = detectors::load_detector(options.weights);
  const auto data = images_of(options, detector);
  std::optional<datasets::CocoMetrics> before;
  if (options.evaluate && datasets::has_objects(data))
    before = evaluated(detector, data, "before", options);
  const auto some = datasets::evenly_spaced(data, static_cast<size_t>(options.calibration.images));
  const auto loader = datasets::evaluation_loader(
      some, 1, detector->options.resize,
      {.threads = options.workers, .normalization = detector->options.normalization});
  detectors::ProgressLine line("calibrate");
  int64_t count = 0;
  const auto next = [&]() -> std::optional<datasets::Batch> {
    if (stopping()) return std::nullopt;
    auto batch = loader->next();
    line.show(static_cast<double>(count++) / static_cast<double>(some.images.size()), "", !batch);
    return batch;
  };
  const auto layers = detectors::quantize(detector, next, options.calibration);
  if (stopping()) return;
  detectors::save_detector(options.out, detector);
  print(layers);
  std::cout << options.weights.string() << ": " << megabytes(options.weights) << "; "
            << options.out.string() << ": " << megabytes(options.out) << "\n";
  if (!before) return;
  const auto after = evaluated(detector, data, "after", options);
  if (!stopping()) print(*before, after);
}

}  // namespace lanner::tools
