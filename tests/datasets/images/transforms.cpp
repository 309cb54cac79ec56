#include "lanner/datasets/images/transforms.h"
#include "lanner/datasets/images/augment.h"
#include "lanner/datasets/loading/batch.h"

#include <ATen/ATen.h>

#include <array>

#include <opencv2/core.hpp>

#include "tests/catch.h"

using namespace lanner::datasets;

namespace {

Sample sample_of(int width, int height) {
  Sample sample;
  sample.rgb = cv::Mat(height, width, CV_8UC3, cv::Scalar(0, 0, 0));
  sample.rgb.at<cv::Vec3b>(1, 2) = {255, 0, 0};
  sample.objects = {{{2, 1, 3, 2}, 1, 1, false, false}};
  sample.original_width = width, sample.original_height = height;
  return sample;
}

// The pixel that the box covers is the one that was marked.
bool marks(const Sample& sample) {
  const auto& box = sample.objects[0].box;
  return sample.rgb.at<cv::Vec3b>(static_cast<int>(box.y1), static_cast<int>(box.x1))[0] == 255;
}

}  // namespace

TEST_CASE("resized sides are torchvision's, rounded down") {
  const ResizeOptions options;
  CHECK(resized({480, 640}, options).height == 800);
  CHECK(resized({480, 640}, options).width == 1066);
  CHECK(resized({161, 161}, options).height == 799);
  CHECK(resized({100, 4000}, options).width == 1333);
  CHECK(resized({1, 4000}, options).height == 1);
}

TEST_CASE("boxes follow flips") {
  auto sample = sample_of(10, 8);
  flip_horizontally(sample);
  CHECK(sample.objects[0].box.x1 == 7);
  CHECK(marks(sample));
  flip_vertically(sample);
  CHECK(sample.objects[0].box.y1 == 6);
  CHECK(marks(sample));
}

TEST_CASE("boxes follow resizing") {
  auto sample = sample_of(10, 8);
  resize(sample, {16, 30}, Interpolation::linear);
  const auto& box = sample.objects[0].box;
  CHECK(box.x1 == 6);
  CHECK(box.y2 == 4);
}

TEST_CASE("collate normalizes, pads with zeros, and leaves crowds out") {
  auto first = sample_of(10, 8), second = sample_of(40, 20);
  first.objects.push_back({{0, 0, 9, 7}, 2, 1, true, false});
  const auto batch = collate({first, second}, {{0.5f, 0.5f, 0.5f}, {0.25f, 0.5f, 1.f}}, 32);
  CHECK(batch.images.sizes() == at::IntArrayRef{2, 3, 32, 64});
  CHECK(batch.images.is_contiguous(at::MemoryFormat::ChannelsLast));
  CHECK(batch.images[0][0][1][2].item<float>() == Approx(2));
  CHECK(batch.images[0][1][1][2].item<float>() == Approx(-1));
  CHECK(batch.images[0][0][9][0].item<float>() == 0);
  CHECK(batch.boxes[0].size(0) == 1);
  CHECK(batch.sizes[1].width == 40);
}

TEST_CASE("color jitter scales brightness, contrast around the mean, and saturation") {
  Sample sample{cv::Mat(2, 1, CV_8UC3), {}, 0, "", 0, 0};
  sample.rgb.at<cv::Vec3b>(0) = {100, 120, 140};
  sample.rgb.at<cv::Vec3b>(1) = {60, 50, 40};
  const auto before = sample.rgb.clone();
  std::mt19937_64 random(3), same(3);
  jitter_colors(sample, 0.3, random);
  std::uniform_real_distribution<float> factor(0.7f, 1.3f);
  const double brightness = factor(same), contrast = factor(same), saturation = factor(same);
  const double mean = brightness * (100 + 120 + 140 + 60 + 50 + 40) / 6;
  for (int i = 0; i < 2; ++i) {
    double color[3], gray = 0;
    for (int c = 0; c < 3; ++c) {
      color[c] = (brightness * before.at<cv::Vec3b>(i)[c] - mean) * contrast + mean;
      gray += std::array{.299, .587, .114}[c] * color[c];
    }
    for (int c = 0; c < 3; ++c)
      CHECK(std::abs(sample.rgb.at<cv::Vec3b>(i)[c] - (gray + (color[c] - gray) * saturation)) < 1);
  }
}

TEST_CASE("color jitter of nothing changes nothing") {
  auto sample = sample_of(10, 8);
  std::mt19937_64 random(1);
  const auto before = sample.rgb.clone();
  jitter_colors(sample, 0, random);
  CHECK(cv::norm(before, sample.rgb, cv::NORM_INF) <= 1);
}
