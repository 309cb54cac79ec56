#pragma once

#include <vector>

#include "lanner/datasets/fields.h"

namespace lanner::datasets {

// How objects are followed through a video. The scores and IoUs are ByteTrack's (arXiv 2110.06864);
// looks, which it has not, allow a longer memory than its 30 frames.
struct TrackOptions {
  bool track = false;
  double high = 0.6, low = 0.1, new_track = 0.7;
  double match = 0.8, look = 2;
  int64_t lost = 90;
  std::vector<std::vector<double>> lines{}, zones{};

  static void visit(auto& o, auto&& field) {
    field(o.track, {.name = "track", .help = "follow objects through videos, and number them"});
    field(o.high, {.name = "track.high",
                   .help = "score from which a detection is followed at first",
                   .limits = between(0, 1)});
    field(o.low, {.name = "track.low",
                  .help = "score from which it may continue a track that nothing else does",
                  .limits = between(0, 1)});
    field(o.new_track, {.name = "track.new",
                        .help = "score from which it begins a track",
                        .limits = between(0, 1)});
    field(o.match, {.name = "track.match",
                    .help = "maximum of 1 - IoU between a track and its next detection",
                    .limits = between(0, 1)});
    field(o.look, {.name = "track.look",
                   .help = "how much a difference of colors counts beside 1 - IoU; 0: not at all",
                   .limits = at_least(0)});
    field(o.lost, {.name = "track.lost",
                   .help = "frames after which an object that is not seen is given up",
                   .limits = at_least(0)});
    field(o.lines, {.name = "count_lines",
                    .help = "x1,y1,x2,y2;...: lines, in pixels, whose crossings are counted"});
    field(o.zones, {.name = "zones",
                    .help = "x1,y1,x2,y2,x3,y3,...;...: polygons, in pixels, whose visitors are "
                            "counted"});
  }

  // Throws usage_error for lines and zones of the wrong number of coordinates, and for those
  // without `track`.
  void check() const {
    for (const auto& line : lines)
      if (line.size() != 4) throw usage_error("count_lines: expected x1,y1,x2,y2 for each line");
    for (const auto& zone : zones)
      if (zone.size() < 6 || zone.size() % 2)
        throw usage_error("zones: expected the x,y of at least three corners for each zone");
    if (!track && !(lines.empty() && zones.empty()))
      throw usage_error(std::string(lines.empty() ? "zones" : "count_lines") +
                        ": requires --track");
  }
};

}  // namespace lanner::datasets
