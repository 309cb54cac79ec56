#include "tools/serve/batcher.h"

#include "lanner/detectors/autocast.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/views.h"

namespace lanner::tools {

Batcher::Batcher(detectors::Detector detector, const ServeOptions& options)
    : detector_(std::move(detector)), options_(options), thread_([this] { work(); }) {}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::optional<std::future<detectors::Detections>> Batcher::add(cv::Mat rgb) {
  const std::lock_guard lock(mutex_);
  if (std::ssize(jobs_) >= options_.max_waiting) return std::nullopt;
  jobs_.push_back({std::move(rgb), {}});
  changed_.notify_all();
  return jobs_.back().result.get_future();
}

size_t Batcher::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

// Waits for images; empty at the end.
std::vector<Batcher::Job> Batcher::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
  std::vector<Job> batch;
  while (!jobs_.empty() && std::ssize(batch) < options_.batch_size) {
    batch.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  }
  return batch;
}

void Batcher::work() {
  const detectors::Autocast autocast(options_.precision == "bf16",
                                     detectors::device_from_name(options_.device).type());
  for (auto batch = next(); !batch.empty(); batch = next()) {
    try {
      std::vector<cv::Mat> images;
      for (const auto& job : batch) images.push_back(job.rgb);
      auto found = detectors::detect_views(detector_, images, {});
      for (size_t i = 0; i < batch.size(); ++i) batch[i].result.set_value(std::move(found[i]));
    } catch (...) {
      for (auto& job : batch) job.result.set_exception(std::current_exception());
    }
  }
}

}  // namespace lanner::tools
