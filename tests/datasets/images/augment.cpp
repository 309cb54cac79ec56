#include "lanner/datasets/images/augment.h"

#include <algorithm>
#include <opencv2/core.hpp>

#include "tests/catch.h"

using namespace lanner::datasets;

namespace {

// A black image with a white rectangle in each box.
Sample drawn(int width, int height, const std::vector<Box>& boxes) {
  Sample sample;
  sample.rgb = cv::Mat(height, width, CV_8UC3, cv::Scalar::all(0));
  for (const auto& box : boxes) {
    sample.objects.push_back({box, 1, 0, false, false});
    sample.rgb(cv::Rect(int(box.x1), int(box.y1), int(box.width()), int(box.height())))
        .setTo(cv::Scalar::all(255));
  }
  return sample;
}

double mean_within(const Sample& sample, const Box& box) {
  const cv::Rect rect(int(std::ceil(box.x1)), int(std::ceil(box.y1)),
                      std::max(1, int(box.width()) - 2), std::max(1, int(box.height()) - 2));
  return cv::mean(sample.rgb(rect))[0];
}

void check_within(const Sample& sample) {
  for (const auto& object : sample.objects) {
    CHECK(object.box.x1 >= 0);
    CHECK(object.box.y1 >= 0);
    CHECK(object.box.x2 <= sample.rgb.cols);
    CHECK(object.box.y2 <= sample.rgb.rows);
    CHECK(object.box.width() >= 1);
    CHECK(object.box.height() >= 1);
  }
}

}  // namespace

TEST_CASE("clip_boxes clips boxes and drops those with little area left") {
  auto sample = drawn(100, 80, {});
  for (const Box& box : {Box{-10, 0, 10, 20}, Box{-30, 0, 5, 20}, Box{99.5, 0, 120, 20}})
    sample.objects.push_back({box, 1, 0, false, false});
  clip_boxes(sample);
  REQUIRE(sample.objects.size() == 1);
  CHECK(sample.objects[0].box.x1 == 0);
}

TEST_CASE("crop_by_iou moves boxes with the pixels") {
  int cropped = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    auto sample = drawn(200, 150, {{20, 30, 60, 80}, {120, 60, 180, 140}});
    crop_by_iou(sample, random);
    cropped += sample.rgb.cols < 200;
    check_within(sample);
    CHECK_FALSE(sample.objects.empty());  // the crop overlaps some box
    for (const auto& object : sample.objects) CHECK(mean_within(sample, object.box) == Approx(255));
  }
  CHECK(cropped > 15);
  std::mt19937_64 random(1);
  auto single_pixel = drawn(1, 1, {});
  crop_by_iou(single_pixel, random);  // cannot become smaller
  CHECK(single_pixel.rgb.cols == 1);
}

TEST_CASE("cutout drops covered boxes and does not change the source image") {
  int hidden = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    const auto before = drawn(200, 150, {{20, 30, 40, 50}, {100, 60, 190, 140}});
    auto sample = before;
    cutout(sample, random);
    hidden += sample.objects.size() < 2;
    CHECK(cv::mean(before.rgb(cv::Rect(20, 30, 20, 20)))[0] == 255);
    CHECK(cv::countNonZero(sample.rgb.reshape(1) == 116) > 0);
    for (const auto& object : sample.objects) CHECK(mean_within(sample, object.box) > 140);
  }
  CHECK(hidden > 2);
  CHECK(hidden < 40);
}

TEST_CASE("mosaic places the objects of four images where their pixels are") {
  size_t max_objects = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    const auto one = drawn(160, 120, {{10, 10, 150, 110}});
    auto first = one;
    first.image_id = 7;
    const auto result = mosaic({first, drawn(60, 90, {{5, 5, 55, 85}}), one, one}, random).sample;
    CHECK(result.image_id == 7);
    CHECK(result.rgb.size() == cv::Size(160, 120));
    check_within(result);
    for (const auto& object : result.objects)
      if (object.box.width() > 6 && object.box.height() > 6)
        CHECK(mean_within(result, {object.box.x1 + 2, object.box.y1 + 2, object.box.x2 - 2,
                                   object.box.y2 - 2}) > 250);
    max_objects = std::max(max_objects, result.objects.size());
  }
  CHECK(max_objects == 4);
}

TEST_CASE("crop_around_object shows an object whole, at its scale unless it is too long") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 50; ++i) {
    auto sample = drawn(200, 150, {{20, 30, 60, 60}, {150, 100, 190, 140}});
    crop_around_object(sample, 96, 1.5, Interpolation::area, random);
    CHECK(sample.rgb.size() == cv::Size(96, 96));
    check_within(sample);
    REQUIRE(!sample.objects.empty());
    for (const auto& object : sample.objects) {
      CHECK(object.box.width() <= 61);
      CHECK(mean_within(sample, object.box) > 200);
    }
    CHECK(std::any_of(sample.objects.begin(), sample.objects.end(), [](const Object& object) {
      return std::abs(object.box.width() - 60) < 1.5;
    }));
  }
  auto sample = drawn(200, 150, {{10, 10, 190, 60}});
  crop_around_object(sample, 96, 1, Interpolation::area, random);
  REQUIRE(sample.objects.size() == 1);
  CHECK(std::abs(sample.objects[0].box.width() - 0.8 * 96) < 1.5);
}

TEST_CASE("crop_around_object takes what a smaller image has, and any place of an empty one") {
  std::mt19937_64 random(1);
  auto small = drawn(60, 40, {{10, 10, 30, 30}});
  crop_around_object(small, 96, 1, Interpolation::area, random);
  CHECK(small.rgb.size() == cv::Size(60, 40));
  auto empty = drawn(200, 150, {});
  crop_around_object(empty, 96, 1, Interpolation::area, random);
  CHECK(empty.rgb.size() == cv::Size(96, 96));
}
