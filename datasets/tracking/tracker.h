#pragma once

#include <cstdint>
#include <vector>

#include "lanner/datasets/results/image_results.h"
#include "lanner/datasets/tracking/kalman.h"
#include "lanner/datasets/tracking/look.h"
#include "lanner/datasets/tracking/options.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Follows objects from frame to frame, each class for itself: ByteTrack (arXiv 2110.06864). Tracks
// are first continued by detections of high score, then by those of low score, by the IoU with
// where a Kalman filter expects them and by their look. What was hidden and comes out elsewhere is
// found again by its look. Not thread-safe.
class LANNER_API Tracker {
 public:
  explicit Tracker(const TrackOptions& options) : options_(options) {}

  // Takes the detections of the next frame, of any score from options.low. Returns those that
  // belong to a track, with its number, from 1. A track that begins later than in the first frame
  // is returned from its second detection on, so that a single wrong one begins none. rgb: CV_8UC3,
  // or empty: then looks do not count.
  std::vector<FoundObject> update(const std::vector<FoundObject>& detections,
                                  const cv::Mat& rgb = {});

 private:
  struct Seen {
    FoundObject object;
    Look look;
  };
  struct Track {
    int64_t number = 0, label = 0;
    BoxMotion motion;
    Look look;
    bool confirmed = false;
    int64_t last_seen = 0;
  };

  template <typename Cost>
  std::vector<Seen> match(const std::vector<Seen>& seen, const std::vector<Track*>& tracks,
                          const Cost& cost, std::vector<FoundObject>& found);

  const TrackOptions options_;
  std::vector<Track> tracks_;
  int64_t frame_ = 0, next_number_ = 1;
};

}  // namespace lanner::datasets
