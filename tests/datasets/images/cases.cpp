// The images of shared/cases, with the right values of its README.
#include <opencv2/core.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// The greatest difference between the pixels of a block, one pixel from its edges, and a color.
int difference(const cv::Mat& rgb, const cv::Rect& block, const cv::Vec3b& color) {
  int greatest = 0;
  for (int y = block.y + 1; y < block.y + block.height - 1; ++y)
    for (int x = block.x + 1; x < block.x + block.width - 1; ++x)
      for (int c = 0; c < 3; ++c)
        greatest = std::max(greatest, std::abs(rgb.at<cv::Vec3b>(y, x)[c] - color[c]));
  return greatest;
}

const cv::Vec3b kRed{220, 40, 40}, kGreen{40, 200, 60}, kGround{30, 90, 140};

}  // namespace

TEST_CASE("images of every type are decoded upright, with Pillow's colors") {
  const auto cases = shared_data("../cases/images");
  if (!cases) return;
  struct Case {
    const char* file;
    bool turned;
    int tolerance;
  };
  for (const auto& [file, turned, tolerance] :
       {Case{"exif6.webp", true, 0}, Case{"exif6.png", true, 0}, Case{"exif6.tif", true, 0},
        Case{"anim.gif", false, 0}, Case{"photo.avif", false, 4}, Case{"photo.heic", false, 4},
        Case{"cmyk.jpg", false, 4}, Case{"trailing_bytes.jpg", false, 10},
        Case{"bytes_before_end.jpg", false, 10}}) {
    CAPTURE(file);
    Image image;
    REQUIRE_NOTHROW(image = read_image(*cases / file));
    REQUIRE((image.width == (turned ? 48 : 64) && image.height == (turned ? 64 : 48)));
    CHECK(image_size(*cases / file) == cv::Size(image.width, image.height));
    CHECK(is_image_name(file));
    CHECK(difference(image.rgb, turned ? cv::Rect(30, 4, 14, 20) : cv::Rect(4, 4, 20, 14), kRed) <=
          tolerance);
    CHECK(difference(image.rgb, turned ? cv::Rect(4, 40, 14, 20) : cv::Rect(40, 30, 20, 14),
                     kGreen) <= tolerance);
    CHECK(difference(image.rgb, turned ? cv::Rect(4, 4, 14, 14) : cv::Rect(44, 4, 14, 14),
                     kGround) <= tolerance);
  }
}

TEST_CASE("bytes around the end marker of a JPEG change no pixel") {
  const auto cases = shared_data("../cases/images");
  if (!cases) return;
  const auto before = read_image(*cases / "bytes_before_end.jpg").rgb,
             after = read_image(*cases / "trailing_bytes.jpg").rgb;
  CHECK(cv::norm(before, after, cv::NORM_INF) == 0);
}

TEST_CASE("16 bits of gray become three equal channels of 8") {
  const auto cases = shared_data("../cases/images");
  if (!cases) return;
  const auto image = read_image(*cases / "grey16.png").rgb;
  REQUIRE(image.size() == cv::Size(64, 48));
  CHECK(image.at<cv::Vec3b>(10, 10) == cv::Vec3b(200, 200, 200));
  CHECK(image.at<cv::Vec3b>(35, 50) == cv::Vec3b(120, 120, 120));
  CHECK(image.at<cv::Vec3b>(25, 30) == cv::Vec3b(60, 60, 60));
  for (int x = 0; x < 64; ++x) CHECK(image.at<cv::Vec3b>(47, x)[1] == 4 * x);
}
