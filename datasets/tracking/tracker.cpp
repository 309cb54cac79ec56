#include "lanner/datasets/tracking/tracker.h"

#include <algorithm>

#include "lanner/datasets/tracking/assignment.h"

namespace lanner::datasets {
namespace {

constexpr double kSecondMatch = 0.5, kNewMatch = 0.7;  // maxima of 1 - IoU, as in the authors' code

std::vector<FoundObject> with_scores(const std::vector<FoundObject>& objects, double from,
                                     double below) {
  std::vector<FoundObject> result;
  std::copy_if(objects.begin(), objects.end(), std::back_inserter(result),
               [&](const auto& object) { return object.score >= from && object.score < below; });
  return result;
}

}  // namespace

// Continues tracks by detections, and adds these to `found`. Returns the detections that are left.
std::vector<FoundObject> Tracker::match(const std::vector<FoundObject>& detections,
                                        const std::vector<Track*>& tracks, double limit,
                                        std::vector<FoundObject>& found) {
  std::vector<std::vector<double>> costs;
  for (const auto& detection : detections) {
    auto& row = costs.emplace_back();
    for (const auto* track : tracks)
      row.push_back(track->label == detection.label ? 1 - iou(track->motion.box(), detection.box)
                                                    : 2);
  }
  const auto columns = assign(costs, limit);
  std::vector<FoundObject> left;
  for (size_t i = 0; i < detections.size(); ++i) {
    if (columns[i] < 0) {
      left.push_back(detections[i]);
      continue;
    }
    auto& track = *tracks[columns[i]];
    track.motion.update(detections[i].box);
    track.confirmed = true;
    track.last_seen = frame_;
    found.push_back(detections[i]);
    found.back().track = track.number;
  }
  return left;
}

std::vector<FoundObject> Tracker::update(const std::vector<FoundObject>& detections) {
  ++frame_;
  std::vector<FoundObject> found;
  for (auto& track : tracks_) {
    if (track.last_seen < frame_ - 1) track.motion.stop_growing();
    track.motion.predict();
  }
  const auto select = [&](const auto& is_wanted) {
    std::vector<Track*> result;
    for (auto& track : tracks_)
      if (track.last_seen < frame_ && is_wanted(track)) result.push_back(&track);
    return result;
  };
  auto high = with_scores(detections, options_.high, 2);
  high = match(high, select([](const Track& track) { return track.confirmed; }), options_.match,
               found);
  // Those that were seen in the last frame may have become faint: hidden, or blurred.
  const auto low = with_scores(detections, options_.low, options_.high);
  match(low, select([&](const Track& track) {
          return track.confirmed && track.last_seen == frame_ - 1;
        }),
        kSecondMatch, found);
  high = match(high, select([](const Track& track) { return !track.confirmed; }), kNewMatch, found);
  std::erase_if(tracks_, [&](const Track& track) {
    return track.last_seen < frame_ &&
           (!track.confirmed || frame_ - track.last_seen > options_.lost);
  });
  for (const auto& detection : high) {
    if (detection.score < options_.new_track) continue;
    tracks_.push_back(
        {next_number_++, detection.label, BoxMotion(detection.box), frame_ == 1, frame_});
    if (frame_ > 1) continue;
    found.push_back(detection);
    found.back().track = tracks_.back().number;
  }
  return found;
}

}  // namespace lanner::datasets
