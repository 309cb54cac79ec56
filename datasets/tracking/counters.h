#pragma once

#include <map>
#include <opencv2/core/types.hpp>
#include <set>
#include <string>
#include <vector>

#include "lanner/datasets/results/image_results.h"
#include "lanner/datasets/tracking/options.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Counts tracked objects by the centers of their boxes, over lines and in zones, and keeps their
// trails. Not thread-safe.
class LANNER_API Counters {
 public:
  explicit Counters(const TrackOptions& options)
      : options_(options),
        lines_(options.lines.size()),
        visitors_(options.zones.size()),
        inside_(options.zones.size()) {}

  // Takes the objects of the next frame, as Tracker returns them.
  void update(const std::vector<FoundObject>& objects);

  // Draws trails, lines and zones with their counts. rgb: CV_8UC3.
  void draw(cv::Mat& rgb) const;

  // {lines: [{line, to_right: {class: n}, to_left: {class: n}}], zones: [{zone, visitors: {class:
  // n}}]}: right and left as seen when going along the line, with y downwards.
  std::string to_json(const Categories& categories) const;

 private:
  struct Crossings {
    std::map<int64_t, int64_t> to_right, to_left;  // by label
  };
  struct Trail {
    std::vector<cv::Point2d> centers;  // of the last frames
    int64_t label = 0, last_seen = 0;
  };

  const TrackOptions options_;
  std::vector<Crossings> lines_;
  std::vector<std::map<int64_t, std::set<int64_t>>> visitors_;  // tracks by label, per zone
  std::vector<int64_t> inside_;                                 // objects in the zone now
  std::map<int64_t, Trail> trails_;                             // by track
  int64_t frame_ = 0;
};

}  // namespace lanner::datasets
