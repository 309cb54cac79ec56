#include "lanner/datasets/tracking/tracker.h"

#include <algorithm>
#include <cmath>

#include "lanner/datasets/tracking/assignment.h"

namespace lanner::datasets {
namespace {

constexpr double kSecondMatch = 0.5, kNewMatch = 0.7;  // maxima of 1 - IoU, as in the authors' code
constexpr double kLookAgain = 0.4;                     // maximum difference of a look found again
constexpr double kLookHidden = 0.7;  // the same of one that comes out where it is expected
constexpr double kLookKept = 0.9;    // share of a track's look that stays, per frame
constexpr double kReachGrows = 0.1;  // sizes per frame that a lost object may move unexpectedly
constexpr double kPart = 0.7;        // from which a box begins no track in another's
constexpr double kNever = 1e3;       // the cost of what is impossible

// The part of the smaller box that the other one covers.
double covered(const Box& a, const Box& b) {
  const double width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const double height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const double smaller = std::min(a.width() * a.height(), b.width() * b.height());
  return std::max(width, 0.) * std::max(height, 0.) / std::max(smaller, 1e-6);
}

// How far b's center is from a's, in sizes of a.
double distance(const Box& a, const Box& b) {
  const double size = std::max(std::sqrt(std::max(a.width(), 0.) * std::max(a.height(), 0.)), 1.);
  return std::hypot((a.x1 + a.x2 - b.x1 - b.x2) / 2, (a.y1 + a.y2 - b.y1 - b.y2) / 2) / size;
}

}  // namespace

// Continues tracks by what is seen, and adds it to `found`. Returns what is left.
template <typename Cost>
std::vector<Tracker::Seen> Tracker::match(const std::vector<Seen>& seen,
                                          const std::vector<Track*>& tracks, const Cost& cost,
                                          std::vector<FoundObject>& found) {
  std::vector<std::vector<double>> costs;
  for (const auto& one : seen) {
    auto& row = costs.emplace_back();
    for (const auto* track : tracks)
      row.push_back(track->label == one.object.label ? cost(*track, one) : kNever);
  }
  const auto columns = assign(costs, kNever / 2);
  std::vector<Seen> left;
  for (size_t i = 0; i < seen.size(); ++i) {
    const auto& [object, look] = seen[i];
    if (columns[i] < 0) {
      left.push_back(seen[i]);
      continue;
    }
    auto& track = *tracks[columns[i]];
    track.motion.update(object.box);
    if (track.look.empty()) track.look = look;
    // What is faint is half hidden, by something of another look.
    if (object.score >= options_.high)
      for (size_t k = 0; k < look.size(); ++k)
        track.look[k] = float(kLookKept * track.look[k] + (1 - kLookKept) * look[k]);
    track.confirmed = true;
    track.last_seen = frame_;
    found.push_back(object);
    found.back().track = track.number;
  }
  return left;
}

std::vector<FoundObject> Tracker::update(const std::vector<FoundObject>& detections,
                                         const cv::Mat& rgb) {
  ++frame_;
  std::vector<FoundObject> found;
  for (auto& track : tracks_) {
    if (track.last_seen < frame_ - 1) track.motion.stop_growing();
    track.motion.predict();
  }
  std::vector<Seen> high, low;
  for (const auto& object : detections)
    if (object.score >= options_.low)
      (object.score >= options_.high ? high : low).push_back({object, look(rgb, object.box)});
  const auto select = [&](const auto& is_wanted) {
    std::vector<Track*> result;
    for (auto& track : tracks_)
      if (track.last_seen < frame_ && is_wanted(track)) result.push_back(&track);
    return result;
  };
  const auto is_confirmed = [](const Track& track) { return track.confirmed; };
  const auto near = [&](double limit) {
    return [&, limit](const Track& track, const Seen& seen) {
      const double apart = 1 - iou(track.motion.box(), seen.object.box);
      const double differs = difference(track.look, seen.look);
      const bool was_lost = track.last_seen < frame_ - 1;
      if (apart > limit || (options_.look > 0 && was_lost && differs > kLookHidden)) return kNever;
      return apart + options_.look * differs;
    };
  };
  high = match(high, select(is_confirmed), near(options_.match), found);
  // Those that were seen in the last frame may have become faint: hidden, or blurred.
  match(low, select([&](const Track& track) {
          return track.confirmed && track.last_seen == frame_ - 1;
        }),
        near(kSecondMatch), found);
  high = match(high, select([](const Track& track) { return !track.confirmed; }), near(kNewMatch),
               found);
  if (options_.look > 0 && !rgb.empty())
    high = match(
        high, select(is_confirmed),
        [&](const Track& track, const Seen& seen) {
          const double differs = difference(track.look, seen.look);
          const double reach = 1 + kReachGrows * double(frame_ - track.last_seen);
          return differs > kLookAgain || distance(track.motion.box(), seen.object.box) > reach
                     ? kNever
                     : differs;
        },
        found);
  std::erase_if(tracks_, [&](const Track& track) {
    return track.last_seen < frame_ &&
           (!track.confirmed || frame_ - track.last_seen > options_.lost);
  });
  // Of what is half hidden, a detector may find the whole and a part.
  const auto is_part = [&, followed = found](const FoundObject& object) {
    return std::any_of(followed.begin(), followed.end(), [&](const FoundObject& other) {
      return other.label == object.label && covered(other.box, object.box) > kPart;
    });
  };
  for (const auto& [object, look] : high) {
    if (object.score < options_.new_track || is_part(object)) continue;
    tracks_.push_back(
        {next_number_++, object.label, BoxMotion(object.box), look, frame_ == 1, frame_});
    if (frame_ > 1) continue;
    found.push_back(object);
    found.back().track = tracks_.back().number;
  }
  return found;
}

}  // namespace lanner::datasets
