#include "lanner/datasets/image.h"

#include <opencv2/core.hpp>

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("a truncated JPEG is refused with its name, and so is a file that is no image") {
  const TemporaryFolder folder;
  const auto whole = folder.path / "whole.jpg", cut = folder.path / "cut.jpg";
  cv::Mat noise(60, 80, CV_8UC3);
  cv::randu(noise, 0, 255);
  write_image(whole, noise);
  CHECK(read_image(whole).rgb.size() == cv::Size(80, 60));
  const auto bytes = read(whole);
  write(cut, bytes.substr(0, bytes.size() / 2));
  CHECK_THROWS_WITH(read_image(cut), ContainsSubstring("cut.jpg: image:"));
  write(folder.path / "text.png", "hello");
  CHECK_THROWS_WITH(read_image(folder.path / "text.png"),
                    ContainsSubstring("text.png: image: not an image"));
  write(folder.path / "empty.jpg", "");
  CHECK_THROWS_WITH(read_image(folder.path / "empty.jpg"), ContainsSubstring("the file is empty"));
  CHECK_THROWS_WITH(read_image(folder.path / "none.jpg"),
                    ContainsSubstring("none.jpg: no such file"));
}

TEST_CASE("scaled decoding keeps the short side and remembers the size") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 400, 320);
  const auto image = read_image(folder.path / "a.jpg", 100);
  CHECK(image.width == 400);
  CHECK(image.rgb.size() == cv::Size(200, 160));
}

TEST_CASE("colours come as RGB") {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "a.jpg"}) {
    write_plain_image(folder.path / name, 32, 32);
    const auto pixel = read_image(folder.path / name).rgb.at<cv::Vec3b>(16, 16);
    CHECK(std::abs(pixel[0] - 40) < 4);
    CHECK(std::abs(pixel[2] - 200) < 4);
  }
}

TEST_CASE("a folder's images are listed in order; one without any is an error") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(list_images(folder.path), ContainsSubstring("holds no images"));
  write_plain_image(folder.path / "b.jpg", 8, 8);
  write_plain_image(folder.path / "sub/a.PNG", 8, 8);
  write(folder.path / "notes.txt", "x");
  const auto files = list_images(folder.path);
  REQUIRE(files.size() == 2);
  CHECK(files[0].filename() == "b.jpg");
}

TEST_CASE("all eight EXIF orientations show the same picture") {
  const auto data = shared_data("nasty");
  if (!data) return;
  for (const std::string kind : {"Landscape", "Portrait"}) {
    const auto upright = read_image(*data / "exif" / (kind + "_1.jpg")).rgb;
    for (int i = 2; i <= 8; ++i) {
      const auto turned =
          read_image(*data / "exif" / (kind + "_" + std::to_string(i) + ".jpg")).rgb;
      REQUIRE(turned.size() == upright.size());
      CHECK(cv::norm(turned, upright, cv::NORM_L1) / static_cast<double>(upright.total() * 3) < 12);
      CHECK(image_size(*data / "exif" / (kind + "_" + std::to_string(i) + ".jpg")) ==
            upright.size());
    }
  }
}

TEST_CASE("valid and broken PNG files are decoded or refused, never worse") {
  const auto data = shared_data("nasty");
  if (!data) return;
  int decoded = 0, refused = 0;
  for (const auto& file : list_images(*data / "png")) try {
      const auto image = read_image(file);
      CHECK(image.rgb.type() == CV_8UC3);
      ++decoded;
    } catch (const Error& error) {
      CHECK(error.code == ExitCode::bad_data);
      CHECK_THAT(error.what(), ContainsSubstring(file.filename().string()));
      ++refused;
    }
  CHECK(decoded + refused > 100);
  CHECK(decoded > refused);
}

TEST_CASE("a PNG that claims more than 200 million pixels is refused before it is decoded") {
  const TemporaryFolder folder;
  write_image(folder.path / "a.png", cv::Mat(4, 4, CV_8UC3, cv::Scalar::all(9)));
  auto bytes = read(folder.path / "a.png");
  bytes[18] = bytes[22] = 0x7f;  // 32,516 x 32,516
  write(folder.path / "a.png", bytes);
  CHECK_THROWS_WITH(read_image(folder.path / "a.png"),
                    ContainsSubstring("a.png: image: 32516 x 32516 is more than 200 million"));
}
