#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace lanner::tools {

// Counters in the text format of Prometheus. Thread-safe.
class ServerMetrics {
 public:
  void count(int status, double seconds);  // a request for detections
  std::string text(size_t waiting) const;

 private:
  static constexpr std::array kBounds{0.01, 0.03, 0.1, 0.3, 1., 3., 10.};  // seconds

  mutable std::mutex mutex_;
  std::map<int, int64_t> requests_;  // by status
  std::array<int64_t, kBounds.size() + 1> buckets_{};
  double seconds_ = 0;
};

}  // namespace lanner::tools
