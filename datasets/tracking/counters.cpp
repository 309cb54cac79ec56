#include "lanner/datasets/tracking/counters.h"

#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

namespace lanner::datasets {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kTrailLength = 40;  // frames

// Positive where c is to the right of the way from a to b, with y downwards.
double side(const cv::Point2d& a, const cv::Point2d& b, const cv::Point2d& c) {
  return (b - a).cross(c - a);
}

// +1 if the way from `a` to `b` crosses the line to its right, -1 to its left, 0 if not at all.
int crossing(const std::vector<double>& line, const cv::Point2d& a, const cv::Point2d& b) {
  const cv::Point2d first(line[0], line[1]), last(line[2], line[3]);
  const bool before = side(first, last, a) > 0, after = side(first, last, b) > 0;
  if (before == after || (side(a, b, first) > 0) == (side(a, b, last) > 0)) return 0;
  return after ? 1 : -1;
}

std::vector<cv::Point2f> corners(const std::vector<double>& zone) {
  std::vector<cv::Point2f> points;
  for (size_t i = 0; i + 1 < zone.size(); i += 2)
    points.emplace_back(static_cast<float>(zone[i]), static_cast<float>(zone[i + 1]));
  return points;
}

int64_t sum(const std::map<int64_t, int64_t>& counts) {
  int64_t total = 0;
  for (const auto& [label, count] : counts) total += count;
  return total;
}

void write(cv::Mat& rgb, const std::string& text, cv::Point at) {
  cv::putText(rgb, text, at, cv::FONT_HERSHEY_SIMPLEX, 0.5, cv::Scalar::all(0), 3, cv::LINE_AA);
  cv::putText(rgb, text, at, cv::FONT_HERSHEY_SIMPLEX, 0.5, cv::Scalar::all(255), 1, cv::LINE_AA);
}

}  // namespace

void Counters::update(const std::vector<FoundObject>& objects) {
  ++frame_;
  inside_.assign(inside_.size(), 0);
  for (const auto& object : objects) {
    const auto& box = object.box;
    const cv::Point2d center((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2);
    auto& trail = trails_[object.track];
    trail.label = object.label, trail.last_seen = frame_;
    if (!trail.centers.empty())
      for (size_t i = 0; i < lines_.size(); ++i)
        if (const int way = crossing(options_.lines[i], trail.centers.back(), center); way != 0)
          ++(way > 0 ? lines_[i].to_right : lines_[i].to_left)[object.label];
    for (size_t i = 0; i < visitors_.size(); ++i)
      if (cv::pointPolygonTest(corners(options_.zones[i]), center, false) >= 0)
        visitors_[i][object.label].insert(object.track), ++inside_[i];
    trail.centers.push_back(center);
    if (trail.centers.size() > kTrailLength) trail.centers.erase(trail.centers.begin());
  }
  // As long as a track may go on.
  std::erase_if(trails_,
                [&](const auto& entry) { return frame_ - entry.second.last_seen > options_.lost; });
}

void Counters::draw(cv::Mat& rgb) const {
  const cv::Scalar yellow(255, 220, 0);
  for (const auto& [track, trail] : trails_) {
    if (trail.last_seen != frame_) continue;
    std::vector<cv::Point> points(trail.centers.begin(), trail.centers.end());
    cv::polylines(rgb, points, false, yellow, 2, cv::LINE_AA);
  }
  for (size_t i = 0; i < lines_.size(); ++i) {
    const auto& line = options_.lines[i];
    const cv::Point first(static_cast<int>(line[0]), static_cast<int>(line[1])),
        last(static_cast<int>(line[2]), static_cast<int>(line[3]));
    cv::line(rgb, first, last, yellow, 2, cv::LINE_AA);
    write(rgb,
          "right " + std::to_string(sum(lines_[i].to_right)) + ", left " +
              std::to_string(sum(lines_[i].to_left)),
          (first + last) / 2);
  }
  for (size_t i = 0; i < visitors_.size(); ++i) {
    std::vector<cv::Point> points;
    for (const auto& corner : corners(options_.zones[i])) points.emplace_back(corner);
    cv::polylines(rgb, points, true, yellow, 2, cv::LINE_AA);
    write(rgb, std::to_string(inside_[i]) + " now", points[0] + cv::Point(4, 16));
  }
}

std::string Counters::to_json(const Categories& categories) const {
  const auto by_class = [&](const auto& counts, const auto& number) {
    Json json = Json::object();
    for (const auto& [label, count] : counts) json[categories[label - 1].name] = number(count);
    return json;
  };
  const auto itself = [](int64_t count) { return count; };
  Json json{{"lines", Json::array()}, {"zones", Json::array()}};
  for (size_t i = 0; i < lines_.size(); ++i)
    json["lines"].push_back({{"line", options_.lines[i]},
                             {"to_right", by_class(lines_[i].to_right, itself)},
                             {"to_left", by_class(lines_[i].to_left, itself)}});
  for (size_t i = 0; i < visitors_.size(); ++i)
    json["zones"].push_back(
        {{"zone", options_.zones[i]},
         {"visitors", by_class(visitors_[i], [](const auto& set) { return set.size(); })}});
  return json.dump(1) + "\n";
}

}  // namespace lanner::datasets
