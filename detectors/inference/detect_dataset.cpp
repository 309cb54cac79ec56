#include "lanner/detectors/inference/detect_dataset.h"

#include <algorithm>
#include <unordered_map>

#include "lanner/datasets/loading/loader.h"
#include "lanner/detectors/distributed/ranks.h"

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

datasets::Dataset shard_of_rank(const datasets::Dataset& dataset, int batch_size) {
  auto part = dataset;
  part.images.clear();
  for (int64_t i = 0; i < std::ssize(dataset.images); ++i)
    if (i / batch_size % ranks().size == ranks().rank) part.images.push_back(dataset.images[i]);
  return part;
}

std::vector<datasets::CocoDetection> detect_by_ranks(Detector& detector,
                                                     const datasets::Dataset& dataset,
                                                     int batch_size, int workers,
                                                     const std::function<bool()>& stop) {
  if (ranks().size == 1) return detect_dataset(detector, dataset, batch_size, workers, {}, stop);
  using datasets::CocoDetection;
  static_assert(std::is_trivially_copyable_v<CocoDetection>);
  std::unordered_map<int64_t, int64_t> positions;
  for (int64_t i = 0; i < std::ssize(dataset.images); ++i) positions[dataset.images[i].id] = i;
  const auto part = shard_of_rank(dataset, batch_size);
  const auto found = detect_dataset(detector, part, batch_size, workers, {}, stop);
  std::vector<CocoDetection> all;
  for (const auto& bytes : gather_over_ranks(
           {reinterpret_cast<const char*>(found.data()), found.size() * sizeof(CocoDetection)})) {
    const auto count = bytes.size() / sizeof(CocoDetection);
    all.resize(all.size() + count);
    // Not memcpy, which requires addresses also where nothing was found.
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(all.data() + all.size() - count));
  }
  std::stable_sort(all.begin(), all.end(), [&](const auto& a, const auto& b) {
    return positions.at(a.image_id) < positions.at(b.image_id);
  });
  return all;
}

}  // namespace lanner::detectors
