#include "lanner/datasets/images/visualize.h"

#include <opencv2/core.hpp>

#include "tests/catch.h"

using namespace lanner::datasets;

TEST_CASE("draw draws boxes and texts on images of any size") {
  for (const auto size : {cv::Size(1, 1), cv::Size(3, 900), cv::Size(200, 150)}) {
    cv::Mat image(size, CV_8UC3, cv::Scalar::all(0));
    draw(image, {{{0, 0, double(size.width), double(size.height)}, 1, "a name 0.50"},
                 {{-5, -5, 2000, 3000}, 2, "another 0.99"},
                 {{0, 0, 1, 1}, 3, ""}});
    CHECK(cv::norm(image, cv::NORM_INF) > 0);
  }
}

TEST_CASE("draw places the texts of two equal boxes without overlap") {
  cv::Mat one(200, 300, CV_8UC3, cv::Scalar::all(0)), both = one.clone();
  const Box box{100, 80, 180, 160};
  draw(one, {{box, 1, "first 0.90"}});
  draw(both, {{box, 1, "first 0.90"}, {box, 2, "second 0.80"}});
  const cv::Rect above(102, 66, 40, 12);  // the first text
  CHECK(cv::norm(one(above), both(above), cv::NORM_INF) == 0);
  CHECK(cv::norm(one, both, cv::NORM_INF) > 0);
}

TEST_CASE("contact_sheet has a cell for each image, however thin") {
  const std::vector<cv::Mat> images{cv::Mat(10, 4000, CV_8UC3), cv::Mat(50, 50, CV_8UC3),
                                    cv::Mat(4000, 3, CV_8UC3)};
  CHECK(contact_sheet(images, 2, 64).size() == cv::Size(128, 128));
}
