#include "lanner/datasets/loading/mix_views.h"

#include <opencv2/imgproc.hpp>

#include "tests/catch.h"

using namespace lanner::datasets;

namespace {

// Smooth pictures of different sizes, whose colors tell where a pixel is and of which picture.
std::vector<Sample> pictures() {
  std::vector<Sample> samples(4);
  for (int n = 0; n < 4; ++n) {
    auto& rgb = samples[n].rgb = cv::Mat(80 + 4 * n, 120 - 4 * n, CV_8UC3);
    for (int y = 0; y < rgb.rows; ++y)
      for (int x = 0; x < rgb.cols; ++x) rgb.at<cv::Vec3b>(y, x) = cv::Vec3b(60 * n, 2 * x, 2 * y);
  }
  return samples;
}

// The largest difference, over pixels of the weak views that are well inside their parts, between
// them and the strong view.
double largest_difference(const Sample& strong, const std::vector<ViewPart>& parts,
                          const std::vector<Sample>& weak) {
  double largest = 0;
  for (const auto& [view, map, area] : parts) {
    const auto& rgb = weak[view].rgb;
    for (int y = 4; y < rgb.rows - 4; y += 3) {
      for (int x = 4; x < rgb.cols - 4; x += 3) {
        const double u = map(0, 0) * (x + 0.5) + map(0, 2), v = map(1, 1) * (y + 0.5) + map(1, 2);
        if (u < area.x + 3 || v < area.y + 3 || u > area.br().x - 3 || v > area.br().y - 3)
          continue;
        cv::Mat found;
        cv::getRectSubPix(strong.rgb, {1, 1}, cv::Point2f(float(u - 0.5), float(v - 0.5)), found);
        largest = std::max(
            largest, cv::norm(found.at<cv::Vec3b>(0, 0), rgb.at<cv::Vec3b>(y, x), cv::NORM_INF));
      }
    }
  }
  return largest;
}

const std::vector<cv::Matx23d> kUnmoved(4, {1, 0, 0, 0, 1, 0});

}  // namespace

TEST_CASE("views are mixed with others of the batch, whose pixels are where their parts say") {
  const auto weak = pictures();
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed), again(seed);
    auto strong = pictures(), same = pictures();
    const auto parts = mix_views(strong, kUnmoved, {.mosaic = 1}, random);
    mix_views(same, kUnmoved, {.mosaic = 1}, again);
    for (size_t n = 0; n < 4; ++n) {
      CHECK(strong[n].rgb.size() == weak[n].rgb.size());
      CHECK(cv::norm(strong[n].rgb, same[n].rgb, cv::NORM_INF) == 0);
      CHECK(parts[n].size() == 4);
      CHECK(parts[n][0].weak == int64_t(n));
      int area = 0;
      for (const auto& part : parts[n]) area += part.area.area();
      CHECK(area == strong[n].rgb.size().area());  // they cover it
      CHECK(largest_difference(strong[n], parts[n], weak) <= 4);
    }
  }
}

TEST_CASE("mixup is the mean of two different views, and a batch of one has none") {
  const auto weak = pictures();
  auto strong = pictures();
  std::mt19937_64 random(3);
  const auto parts = mix_views(strong, kUnmoved, {.mixup = 1}, random);
  for (size_t n = 0; n < 4; ++n) {
    REQUIRE(parts[n].size() == 2);
    const auto& other = parts[n][1];
    CHECK(other.weak != int64_t(n));
    for (const cv::Point p : {cv::Point(5, 5), cv::Point(100, 60)}) {
      const auto expected = (cv::Vec3d(weak[n].rgb.at<cv::Vec3b>(p)) +
                             cv::Vec3d(weak[other.weak].rgb.at<cv::Vec3b>(p))) /
                            2;
      CHECK(cv::norm(cv::Vec3d(strong[n].rgb.at<cv::Vec3b>(p)) - expected, cv::NORM_INF) <= 1);
    }
  }
  std::vector<Sample> one{weak[0]};
  CHECK(mix_views(one, kUnmoved, {.mixup = 1}, random)[0].size() == 1);
}

TEST_CASE("views that are not mixed are one part each, moved as they were") {
  auto strong = pictures();
  std::mt19937_64 random(3);
  const std::vector<cv::Matx23d> maps(4, {-1, 0, 120, 0, 1, 5});
  const auto parts = mix_views(strong, maps, {}, random);
  const auto weak = pictures();
  for (size_t n = 0; n < 4; ++n) {
    CHECK(cv::norm(strong[n].rgb, weak[n].rgb, cv::NORM_INF) == 0);
    REQUIRE(parts[n].size() == 1);
    CHECK(cv::norm(parts[n][0].map, maps[n], cv::NORM_INF) == 0);
  }
}
