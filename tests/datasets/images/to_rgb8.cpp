#include "lanner/datasets/images/to_rgb8.h"

#include <limits>
#include <opencv2/core.hpp>

#include "lanner/datasets/error.h"
#include "tests/catch.h"

using namespace lanner::datasets;

TEST_CASE("images of every usual type become the same RGB") {
  const cv::Scalar color(200, 100, 50, 255);
  for (const int depth : {CV_8U, CV_16U, CV_32F, CV_64F})
    for (const int channels : {1, 3, 4})
      for (const bool bgr : {false, true}) {
        CAPTURE(depth, channels, bgr);
        cv::Mat image(4, 6, CV_MAKETYPE(CV_8U, channels), color), converted;
        const double scale = depth == CV_8U ? 1 : depth == CV_16U ? 257 : 1 / 255.;
        image.convertTo(converted, depth, scale);
        const auto rgb = to_rgb8(converted(cv::Rect(1, 1, 4, 2)), bgr);  // rows with gaps
        REQUIRE(rgb.type() == CV_8UC3);
        const auto pixel = rgb.at<cv::Vec3b>(1, 2);
        CHECK(pixel[0] == (channels > 1 && bgr ? 50 : 200));
        CHECK(pixel[1] == (channels > 1 ? 100 : 200));
      }
}

TEST_CASE("images of other types and floats outside 0..1 are refused") {
  for (const auto& image :
       {cv::Mat(), cv::Mat(4, 4, CV_8UC2), cv::Mat(4, 4, CV_32SC3), cv::Mat(4, 4, CV_8SC3),
        cv::Mat(4, 4, CV_32FC3, cv::Scalar::all(255)),
        cv::Mat(4, 4, CV_32FC3, cv::Scalar::all(std::numeric_limits<double>::quiet_NaN()))})
    CHECK_THROWS_WITH(to_rgb8(image, true),
                      ContainsSubstring("image: expected 1, 3 or 4 channels"));
}
