#include "lanner/detectors/inference/detect_dataset.h"

#include "lanner/datasets/loading/loader.h"

namespace lanner::detectors {

std::vector<datasets::CocoDetection> to_coco(const Detections& detections, int64_t image_id,
                                             const std::vector<datasets::Category>& categories) {
  const auto boxes = detections.boxes.to(torch::kCPU, torch::kDouble).contiguous();
  const auto labels = detections.labels.cpu(),
             scores = detections.scores.to(torch::kCPU, torch::kDouble);
  std::vector<datasets::CocoDetection> results;
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    const double* box = boxes.const_data_ptr<double>() + i * 4;
    results.push_back({image_id,
                       categories[labels[i].item<int64_t>() - 1].id,
                       {box[0], box[1], box[2] - box[0], box[3] - box[1]},
                       scores[i].item<double>()});
  }
  return results;
}

std::vector<datasets::CocoDetection> detect_dataset(Detector& detector,
                                                    const datasets::Dataset& dataset,
                                                    int batch_size, int workers,
                                                    const std::function<void(double)>& progress,
                                                    const std::function<bool()>& stop) {
  const auto& options = detector->options;
  const auto loader =
      datasets::evaluation_loader(dataset, batch_size, options.resize,
                                  {.threads = workers, .normalization = options.normalization});
  const auto device = detector->parameters().front().device();
  std::vector<datasets::CocoDetection> results;
  size_t num_processed = 0;
  while (auto batch = loader->next()) {
    if (stop && stop()) break;
    batch->images = batch->images.to(device);
    const auto detections = detector->detect(*batch);
    for (size_t n = 0; n < detections.size(); ++n) {
      const auto image_results = to_coco(detections[n], batch->image_ids[n], options.categories);
      results.insert(results.end(), image_results.begin(), image_results.end());
    }
    num_processed += detections.size();
    if (progress)
      progress(static_cast<double>(num_processed) / static_cast<double>(dataset.images.size()));
  }
  return results;
}

}  // namespace lanner::detectors
