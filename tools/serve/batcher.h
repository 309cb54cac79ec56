#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <thread>

#include "lanner/detectors/detector.h"
#include "tools/serve/options.h"

namespace lanner::tools {

// Runs a detector on a thread of its own, on as many of the waiting images at once as the options
// allow. Thread-safe.
class Batcher {
 public:
  Batcher(detectors::Detector detector, const ServeOptions& options);
  ~Batcher();  // finishes what waits

  // Nullopt if too many images wait.
  std::optional<std::future<detectors::Detections>> add(cv::Mat rgb);
  size_t waiting() const;

 private:
  struct Job {
    cv::Mat rgb;
    std::promise<detectors::Detections> result;
  };

  void work();
  std::vector<Job> next();

  detectors::Detector detector_;
  const ServeOptions& options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lanner::tools
