#include "lanner/datasets/images/strong_view.h"

#include <opencv2/core.hpp>

#include "tests/catch.h"

using namespace lanner::datasets;

namespace {

// A black image with a white rectangle, and that rectangle as its object.
Sample drawn(const Box& box) {
  Sample sample;
  sample.rgb = cv::Mat(120, 160, CV_8UC3, cv::Scalar::all(0));
  sample.rgb(cv::Rect(int(box.x1), int(box.y1), int(box.width()), int(box.height())))
      .setTo(cv::Scalar::all(255));
  sample.objects.push_back({.box = box, .label = 1});
  return sample;
}

// Of the pixels that are brighter than half.
Box bright(const cv::Mat& rgb) {
  Box box{1e9, 1e9, 0, 0};
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; ++x)
      if (rgb.at<cv::Vec3b>(y, x)[0] > 127)
        box = {std::min<double>(box.x1, x), std::min<double>(box.y1, y),
               std::max<double>(box.x2, x + 1), std::max<double>(box.y2, y + 1)};
  return box;
}

const StrongViewOptions kGeometry{.color = 0, .gray = 0, .blur = 0, .cutout = 0};

}  // namespace

TEST_CASE("boxes follow the pixels of a strong view") {
  const Box box{60, 40, 100, 80};
  int mirrored = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    auto sample = drawn(box);
    const auto map = strong_view(sample, kGeometry, 0.5, random);
    mirrored += map(0, 0) < 0;
    const auto expected = mapped(box, map), seen = bright(sample.rgb);
    INFO("seed " << seed);
    CHECK(std::abs(expected.x1 - seen.x1) <= 1);
    CHECK(std::abs(expected.y1 - seen.y1) <= 1);
    CHECK(std::abs(expected.x2 - seen.x2) <= 1);
    CHECK(std::abs(expected.y2 - seen.y2) <= 1);
    REQUIRE(sample.objects.size() == 1);
    CHECK(iou(sample.objects[0].box, expected) > 0.999);
  }
  CHECK(mirrored > 60);
  CHECK(mirrored < 140);
}

TEST_CASE("a mirrored view without other changes is the mirror image to the pixel") {
  const Box box{10, 20, 50, 90};
  std::mt19937_64 random(1);
  auto options = kGeometry;
  options.scale = 0, options.shift = 0;
  auto sample = drawn(box);
  cv::Mat expected;
  cv::flip(sample.rgb, expected, 1);
  const auto map = strong_view(sample, options, 1, random);
  CHECK(cv::norm(sample.rgb, expected, cv::NORM_INF) <= 1);
  CHECK(map(0, 0) == -1);
  CHECK(map(0, 2) == 160);
}

TEST_CASE("objects of which less than a quarter stays in a strong view are dropped") {
  std::mt19937_64 random(3);
  auto options = kGeometry;
  options.shift = 0.9, options.scale = 0;
  int kept = 0;
  for (int i = 0; i < 100; ++i) {
    auto sample = drawn({60, 40, 100, 80});
    const auto map = strong_view(sample, options, 1, random);
    const auto moved = mapped({60, 40, 100, 80}, map);
    const bool visible = intersection(moved, {0, 0, 160, 120}).area() >= 0.25 * moved.area();
    CHECK(sample.objects.size() == size_t(visible));
    kept += visible;
  }
  CHECK(kept > 10);
  CHECK(kept < 90);
}

TEST_CASE("the same random numbers give the same strong view, and it differs from the weak one") {
  const auto view = [](uint64_t seed) {
    std::mt19937_64 random(seed);
    auto sample = drawn({60, 40, 100, 80});
    strong_view(sample, {}, 0.5, random);
    return sample.rgb;
  };
  CHECK(cv::norm(view(5), view(5)) == 0);
  CHECK(cv::norm(view(5), view(6)) > 0);
}
