#include "tools/serve/metrics.h"

#include <algorithm>
#include <sstream>

namespace lanner::tools {

void ServerMetrics::count(int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[status];
  seconds_ += seconds;
  ++buckets_[std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin()];
}

std::string ServerMetrics::text(size_t waiting) const {
  const std::lock_guard lock(mutex_);
  std::ostringstream out;
  out << "# HELP lanner_requests_total Requests for detections, by HTTP status.\n"
         "# TYPE lanner_requests_total counter\n";
  for (const auto& [status, count] : requests_)
    out << "lanner_requests_total{status=\"" << status << "\"} " << count << "\n";
  out << "# HELP lanner_request_seconds Time from the whole request to its answer.\n"
         "# TYPE lanner_request_seconds histogram\n";
  int64_t total = 0;
  for (size_t i = 0; i < kBounds.size(); ++i) {
    total += buckets_[i];
    out << "lanner_request_seconds_bucket{le=\"" << kBounds[i] << "\"} " << total << "\n";
  }
  total += buckets_.back();
  out << "lanner_request_seconds_bucket{le=\"+Inf\"} " << total << "\nlanner_request_seconds_sum "
      << seconds_ << "\nlanner_request_seconds_count " << total
      << "\n# HELP lanner_waiting_images Images that wait for the detector.\n"
         "# TYPE lanner_waiting_images gauge\nlanner_waiting_images "
      << waiting << "\n";
  return out.str();
}

}  // namespace lanner::tools
