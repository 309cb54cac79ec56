#include "lanner/datasets/images/image.h"

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// The PNG chunk eXIf with orientation 6 (rotate by 90 degrees clockwise), with its length and CRC.
const std::string kExifChunk(
    "\x00\x00\x00\x1a"
    "eXIf"
    "MM\x00\x2a\x00\x00\x00\x08"
    "\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    "\x00\x00\x00\x00"
    "\xd6\x67\x4b\x69",
    38);

std::string png_bytes(int width, int height) {
  std::vector<unsigned char> bytes;
  cv::imencode(".png", cv::Mat(height, width, CV_8UC3, cv::Scalar::all(9)), bytes);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("read_image rejects truncated JPEGs and files that are not images") {
  const TemporaryFolder folder;
  const auto full = folder.path / "full.jpg", cut = folder.path / "cut.jpg";
  cv::Mat noise(60, 80, CV_8UC3);
  cv::randu(noise, 0, 255);
  write_image(full, noise);
  CHECK(read_image(full).rgb.size() == cv::Size(80, 60));
  const auto bytes = read(full);
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

TEST_CASE("scaled decoding respects the minimum short side and keeps the original size") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 400, 320);
  const auto image = read_image(folder.path / "a.jpg", 100);
  CHECK(image.width == 400);
  CHECK(image.rgb.size() == cv::Size(200, 160));
}

TEST_CASE("read_image returns RGB") {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "a.jpg"}) {
    write_plain_image(folder.path / name, 32, 32);
    const auto pixel = read_image(folder.path / name).rgb.at<cv::Vec3b>(16, 16);
    CHECK(std::abs(pixel[0] - 40) < 4);
    CHECK(std::abs(pixel[2] - 200) < 4);
  }
}

TEST_CASE("list_images sorts the images of a folder and rejects a folder without images") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(list_images(folder.path), ContainsSubstring("holds no images"));
  write_plain_image(folder.path / "b.jpg", 8, 8);
  write_plain_image(folder.path / "sub/a.PNG", 8, 8);
  write(folder.path / "notes.txt", "x");
  write(folder.path / "sub/film.mp4", "x");
  CHECK(describe_files(folder.path, FileKinds::no_images) == "1 .mp4, 1 .txt");
  const auto files = list_images(folder.path);
  REQUIRE(files.size() == 2);
  CHECK(files[0].filename() == "b.jpg");
}

TEST_CASE("links to folders are followed once, and never back") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "photos/a.jpg", 8, 8);
  write_plain_image(folder.path / "elsewhere/b.jpg", 8, 8);
  fs::create_directory_symlink(folder.path / "photos", folder.path / "photos/again");
  fs::create_directory_symlink(folder.path, folder.path / "photos/up");
  fs::create_directory_symlink(folder.path / "elsewhere", folder.path / "photos/linked");
  fs::create_directory_symlink(folder.path / "photos", folder.path / "elsewhere/back");
  fs::create_symlink(folder.path / "missing.jpg", folder.path / "photos/broken.jpg");
  const auto files = images_under(folder.path / "photos");
  REQUIRE(files.size() == 2);
  CHECK(files[0].filename() == "a.jpg");
  CHECK(files[1].parent_path().filename() == "linked");
}

TEST_CASE("all eight EXIF orientations give the same image") {
  const auto data = shared_data("nasty");
  if (!data) return;
  for (const std::string kind : {"Landscape", "Portrait"}) {
    const auto upright = read_image(*data / "exif" / (kind + "_1.jpg")).rgb;
    for (int i = 2; i <= 8; ++i) {
      const auto rotated =
          read_image(*data / "exif" / (kind + "_" + std::to_string(i) + ".jpg")).rgb;
      REQUIRE(rotated.size() == upright.size());
      CHECK(cv::norm(rotated, upright, cv::NORM_L1) / static_cast<double>(upright.total() * 3) <
            12);
      CHECK(image_size(*data / "exif" / (kind + "_" + std::to_string(i) + ".jpg")) ==
            upright.size());
    }
  }
}

TEST_CASE("valid and broken PNG files are decoded or rejected") {
  const auto data = shared_data("nasty");
  if (!data) return;
  int decoded = 0, rejected = 0;
  for (const auto& file : list_images(*data / "png")) try {
      const auto image = read_image(file);
      CHECK(image.rgb.type() == CV_8UC3);
      ++decoded;
    } catch (const Error& error) {
      CHECK(error.code == ExitCode::bad_data);
      CHECK_THAT(error.what(), ContainsSubstring(file.filename().string()));
      ++rejected;
    }
  CHECK(decoded + rejected > 100);
  CHECK(decoded > rejected);
}

TEST_CASE("a PNG header with more than 200 million pixels is rejected before decoding") {
  const TemporaryFolder folder;
  write_image(folder.path / "a.png", cv::Mat(4, 4, CV_8UC3, cv::Scalar::all(9)));
  auto bytes = read(folder.path / "a.png");
  bytes[18] = bytes[22] = 0x7f;  // 32,516 x 32,516
  write(folder.path / "a.png", bytes);
  CHECK_THROWS_WITH(read_image(folder.path / "a.png"),
                    ContainsSubstring("a.png: image: 32516 x 32516 is more than 200 million"));
}

TEST_CASE("image_size equals the size of the decoded image for every format") {
  const TemporaryFolder folder;
  cv::Mat image(37, 53, CV_8UC3), alpha(37, 53, CV_8UC4);
  cv::randu(image, 0, 256), cv::randu(alpha, 0, 256);
  const auto check = [&](const std::string& name, const cv::Mat& pixels,
                         const std::vector<int>& parameters = {}) {
    INFO(name);
    const auto file = folder.path / name;
    REQUIRE(cv::imwrite(file.string(), pixels, parameters));
    CHECK(read_image(file).rgb.size() == pixels.size());
    CHECK(image_size(file) == pixels.size());
  };
  for (const char* extension : {".jpg", ".png", ".bmp", ".webp", ".tif", ".ppm"})
    check(std::string("color") + extension, image);
  for (const char* extension : {".png", ".bmp", ".tif"})
    check(std::string("alpha") + extension, alpha);
  check("lossy.webp", image, {cv::IMWRITE_WEBP_QUALITY, 80});            // VP8
  check("lossy_alpha.webp", alpha, {cv::IMWRITE_WEBP_QUALITY, 80});      // VP8X
  check("lossless.webp", image, {cv::IMWRITE_WEBP_QUALITY, 101});        // VP8L
  check("lossless_alpha.webp", alpha, {cv::IMWRITE_WEBP_QUALITY, 101});  // VP8L

  auto bmp = read(folder.path / "color.bmp");
  for (size_t i = 22; i < 26; ++i) bmp[i] = static_cast<char>(i == 22 ? -37 : -1);  // top-down
  write(folder.path / "top_down.bmp", bmp);
  CHECK(read_image(folder.path / "top_down.bmp").rgb.size() == image.size());
  CHECK(image_size(folder.path / "top_down.bmp") == image.size());
  using namespace std::string_literals;
  write(folder.path / "os2.bmp",
        "BM\x32\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\3\0\2\0\1\0\x18\0"s + std::string(24, '\7'));
  CHECK(read_image(folder.path / "os2.bmp").rgb.size() == cv::Size(3, 2));
  CHECK(image_size(folder.path / "os2.bmp") == cv::Size(3, 2));
}

TEST_CASE("image_size applies the EXIF orientation of a PNG as read_image does") {
  const TemporaryFolder folder;
  const auto file = folder.path / "a.png";
  const auto bytes = png_bytes(6, 4);
  for (const size_t place : {size_t{33}, bytes.size() - 12}) {  // after IHDR, before IEND
    write(file, bytes.substr(0, place) + kExifChunk + bytes.substr(place));
    CHECK(read_image(file).rgb.size() == cv::Size(4, 6));
    CHECK(image_size(file) == cv::Size(4, 6));
  }
}

TEST_CASE("image_size reads the header of a PNG without decoding its pixels") {
  const TemporaryFolder folder;
  write(folder.path / "cut.png", png_bytes(640, 480).substr(0, 60));
  CHECK_THROWS_WITH(read_image(folder.path / "cut.png"), ContainsSubstring("cut.png: image: "));
  CHECK(image_size(folder.path / "cut.png") == cv::Size(640, 480));
}

TEST_CASE("image_size rejects files whose header gives no size") {
  const TemporaryFolder folder;
  for (const std::string& bytes :
       {std::string("no image"), png_bytes(6, 4).substr(0, 20), std::string("BM"),
        std::string("RIFF\0\0\0\0WEBPVP8 ", 16), std::string("GIF89a\3\0\2\0", 10)}) {
    write(folder.path / "a.png", bytes);
    CHECK_THROWS_WITH(image_size(folder.path / "a.png"), ContainsSubstring("a.png: image: "));
  }
}
