#include <numeric>
#include <opencv2/imgproc.hpp>
#include <random>

#include "lanner/datasets/tracking/assignment.h"
#include "lanner/datasets/tracking/counters.h"
#include "lanner/datasets/tracking/look.h"
#include "lanner/datasets/tracking/tracker.h"
#include "tests/catch.h"

using namespace lanner::datasets;

namespace {

FoundObject object_at(double x, double y, double score = 0.9, int64_t label = 1) {
  return {{x - 10, y - 10, x + 10, y + 10}, label, score};
}

double cost_of(const std::vector<std::vector<double>>& costs, const std::vector<int>& columns) {
  double total = 0;
  for (size_t i = 0; i < costs.size(); ++i)
    if (columns[i] >= 0) total += costs[i][columns[i]];
  return total;
}

// The least cost of assigning all rows, by trying all permutations.
double least_cost(const std::vector<std::vector<double>>& costs) {
  std::vector<int> columns(costs[0].size());
  std::iota(columns.begin(), columns.end(), 0);
  double least = 1e9;
  do {
    least = std::min(least, cost_of(costs, {columns.begin(), columns.begin() + costs.size()}));
  } while (std::next_permutation(columns.begin(), columns.end()));
  return least;
}

}  // namespace

TEST_CASE("assign finds the least cost, as all permutations do") {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int trial = 0; trial < 200; ++trial) {
    const size_t rows = 1 + random() % 5, columns = rows + random() % 3;
    std::vector<std::vector<double>> costs(rows, std::vector<double>(columns));
    std::vector<std::vector<double>> transposed(columns, std::vector<double>(rows));
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j) costs[i][j] = transposed[j][i] = uniform(random);
    CHECK(cost_of(costs, assign(costs, 2)) == Approx(least_cost(costs)));
    CHECK(cost_of(transposed, assign(transposed, 2)) == Approx(least_cost(costs)));
  }
  CHECK(assign({{0.9, 0.1}, {0.2, 0.95}}, 0.5) == std::vector<int>{1, 0});
  CHECK(assign({{0.9}, {0.2}}, 0.1) == std::vector<int>{-1, -1});
  CHECK(assign({}, 1).empty());
}

TEST_CASE("objects that pass each other keep their numbers, and faint ones are found again") {
  Tracker tracker({.track = true});
  for (int frame = 0; frame < 40; ++frame) {
    // Two go towards each other, 30 pixels apart in y; the first is faint in the middle.
    const double score = frame > 15 && frame < 25 ? 0.3 : 0.9;
    const auto found =
        tracker.update({object_at(20 + 5 * frame, 50, score), object_at(220 - 5 * frame, 80)});
    REQUIRE(found.size() == 2);
    for (const auto& object : found) CHECK(object.track == (object.box.y1 < 60 ? 1 : 2));
  }
}

TEST_CASE("an object that is hidden for a while is the same, one that is gone for long is not") {
  Tracker tracker({.track = true, .lost = 10});
  for (int frame = 0; frame < 20; ++frame) tracker.update({object_at(20 + 4 * frame, 50)});
  for (int frame = 20; frame < 26; ++frame) CHECK(tracker.update({}).empty());
  CHECK(tracker.update({object_at(20 + 4 * 26, 50)})[0].track == 1);
  for (int frame = 0; frame < 30; ++frame) tracker.update({});
  tracker.update({object_at(140, 50)});
  const auto found = tracker.update({object_at(144, 50)});
  REQUIRE(found.size() == 1);
  CHECK(found[0].track == 2);
}

namespace {

const cv::Scalar kRed(200, 30, 30), kBlue(30, 30, 200);

// A gray picture with objects of object_at's size, the later ones in front.
cv::Mat picture(const std::vector<std::pair<cv::Point, cv::Scalar>>& objects) {
  cv::Mat rgb(120, 400, CV_8UC3, cv::Scalar::all(128));
  for (const auto& [center, color] : objects)
    cv::rectangle(rgb, cv::Rect(center - cv::Point(10, 10), cv::Size(20, 20)), color, cv::FILLED);
  return rgb;
}

}  // namespace

TEST_CASE("looks differ by color, not by size or place") {
  const auto rgb = picture({{{50, 50}, kRed}, {{150, 50}, kBlue}, {{250, 50}, kRed}});
  const auto red = look(rgb, {40, 40, 60, 60});
  CHECK(std::accumulate(red.begin(), red.end(), 0.) == Approx(1));
  CHECK(difference(red, look(rgb, {245, 45, 255, 60})) == Approx(0).margin(1e-6));
  CHECK(difference(red, look(rgb, {140, 40, 160, 60})) == Approx(1));
  CHECK(look(rgb, {-20, -20, -5, 10}).empty());
  CHECK(difference(red, {}) == 0);
}

TEST_CASE("objects that turn back behind each other keep their numbers by their colors") {
  // Two meet at x = 200, are one detection for a while, and go back to where they came from.
  const auto numbers = [](double look) {
    Tracker tracker({.track = true, .look = look});
    std::vector<FoundObject> found;
    for (int frame = 0; frame < 80; ++frame) {
      const int apart = std::abs(40 - frame) * 2;
      const cv::Point red(200 - apart, 50), blue(200 + apart, 50);
      std::vector<FoundObject> seen{object_at(blue.x, blue.y)};
      if (apart > 8) seen.push_back(object_at(red.x, red.y));
      found = tracker.update(seen, picture({{red, kRed}, {blue, kBlue}}));
    }
    REQUIRE(found.size() == 2);
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.box.x1 < b.box.x1; });
    return std::pair{found[0].track, found[1].track};
  };
  CHECK(numbers(1) == std::pair<int64_t, int64_t>{2, 1});
  CHECK(numbers(0) != std::pair<int64_t, int64_t>{2, 1});
}

TEST_CASE("an object that comes out elsewhere is found again by its color") {
  const auto track_after = [](const cv::Scalar& color) {
    Tracker tracker({.track = true});
    for (int frame = 0; frame < 20; ++frame)
      tracker.update({object_at(50, 50)}, picture({{{50, 50}, kRed}}));
    for (int frame = 0; frame < 10; ++frame) tracker.update({}, picture({}));
    std::vector<FoundObject> found;
    for (int frame = 0; frame < 2; ++frame)
      found = tracker.update({object_at(80, 50)}, picture({{{80, 50}, color}}));
    REQUIRE(found.size() == 1);
    return found[0].track;
  };
  CHECK(track_after(kRed) == 1);
  CHECK(track_after(kBlue) == 2);
}

TEST_CASE("a detection of one frame begins no track, and classes are not mixed") {
  Tracker tracker({.track = true});
  tracker.update({object_at(20, 20)});
  CHECK(tracker.update({object_at(20, 20), object_at(80, 80)}).size() == 1);
  CHECK(tracker.update({object_at(20, 20)}).size() == 1);
  CHECK(tracker.update({object_at(20, 20, 0.9, 2)}).empty());
}

TEST_CASE("crossings of a line are counted by direction, visitors of a zone once") {
  const TrackOptions options{
      .track = true,
      .lines = {{100, 100, 100, 0}},  // upwards: its right is that of the image
      .zones = {{60, 0, 90, 0, 90, 100, 60, 100}}};
  Tracker tracker(options);
  Counters counters(options);
  for (int frame = 0; frame < 60; ++frame) {
    // One goes right and comes back; another goes left, beyond the end of the line.
    const double x = frame < 30 ? 20 + 5 * frame : 170 - 5 * (frame - 30);
    counters.update(tracker.update({object_at(x, 50), object_at(180 - 2 * frame, 150, 0.9, 2)}));
  }
  CHECK(counters.to_json({{1, "cat"}, {2, "dog"}}) == R"({
 "lines": [
  {
   "line": [
    100.0,
    100.0,
    100.0,
    0.0
   ],
   "to_right": {
    "cat": 1
   },
   "to_left": {
    "cat": 1
   }
  }
 ],
 "zones": [
  {
   "zone": [
    60.0,
    0.0,
    90.0,
    0.0,
    90.0,
    100.0,
    60.0,
    100.0
   ],
   "visitors": {
    "cat": 1
   }
  }
 ]
}
)");
}
