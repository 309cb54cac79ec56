#include "lanner/datasets/videos/video_reader.h"

#include <fstream>

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

bool is_red(const cv::Vec3b& p) { return p[0] > 150 && p[1] < 110; }
bool is_green(const cv::Vec3b& p) { return p[1] > 130 && p[0] < 110; }

// Where the red block of a frame is, and where the green one.
std::string corners_of(const cv::Mat& rgb) {
  std::string red, green;
  const int right = rgb.cols - 4, bottom = rgb.rows - 4;
  for (const auto& [name, x, y] : {std::tuple{"top left", 3, 3},
                                   {"top right", right, 3},
                                   {"bottom left", 3, bottom},
                                   {"bottom right", right, bottom}}) {
    const auto pixel = rgb.at<cv::Vec3b>(y, x);
    if (is_red(pixel)) red = name;
    if (is_green(pixel)) green = name;
  }
  return red + ", " + green;
}

// The number of a frame: the left side of its white square.
int number_of(const cv::Mat& rgb) {
  for (int x = 0; x < rgb.cols; ++x)
    if (const auto p = rgb.at<cv::Vec3b>(38, x); p[0] > 190 && p[1] > 190 && p[2] > 190) return x;
  return -1;
}

struct Watched {
  std::vector<int> numbers;
  std::vector<double> seconds;
  cv::Mat first;
  std::vector<std::string> faults;
};

Watched watch(const fs::path& file, const VideoOptions& options = {}) {
  VideoReader reader(file.string(), options);
  Watched result;
  VideoFrame frame;
  while (reader.next(frame)) {
    if (result.first.empty()) result.first = frame.rgb;
    result.numbers.push_back(number_of(frame.rgb));
    result.seconds.push_back(frame.seconds);
  }
  result.faults = reader.faults();
  return result;
}

std::vector<int> range(int first, int last) {
  std::vector<int> numbers;
  for (int i = first; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace

TEST_CASE("videos are turned as they say") {
  const auto cases = shared_data("../cases/videos");
  if (!cases) return;
  for (const auto& [name, width, height, corners] :
       {std::tuple{"rot90.mp4", 48, 64, "top right, bottom right"},
        {"rot180.mp4", 64, 48, "bottom right, bottom left"},
        {"rot270.mp4", 48, 64, "bottom left, top left"},
        {"no_extension", 64, 48, "top left, top right"},
        {"clip.ts", 64, 48, "top left, top right"},
        {"clip.flv", 64, 48, "top left, top right"},
        {"clip.wmv", 64, 48, "top left, top right"},
        {"odd_65x49.avi", 65, 49, "top left, top right"}}) {
    CAPTURE(name);
    CHECK(is_video((*cases / name).string()));
    const auto video = watch(*cases / name);
    CHECK(video.numbers.size() == 12);
    CHECK(video.first.cols == width);
    CHECK(video.first.rows == height);
    CHECK(corners_of(video.first) == corners);
    CHECK(video.faults.empty());
  }
}

TEST_CASE("damaged packets are passed over and counted, and the video goes on to its end") {
  const auto cases = shared_data("../cases/videos");
  if (!cases) return;
  const auto film = watch(*cases / "damaged_middle.mp4");
  auto expected = range(0, 29);
  for (const int i : range(40, 59)) expected.push_back(i);
  CHECK(film.numbers == expected);
  CHECK(film.faults ==
        std::vector<std::string>{"10 of 60 packets are damaged and were passed over"});
  const auto motion_jpeg = watch(*cases / "damaged_middle.avi");
  CHECK(motion_jpeg.numbers.size() == 54);
  CHECK(motion_jpeg.faults.size() == 1);
  const auto cut = watch(*cases / "cut.mp4");
  CHECK(cut.numbers == range(0, 35));
  REQUIRE(!cut.faults.empty());
  CHECK_THAT(cut.faults.back(), ContainsSubstring("the video ends early"));
}

TEST_CASE("frames that are minutes apart, or have long sound between them, keep their times") {
  const auto cases = shared_data("../cases/videos");
  if (!cases) return;
  const auto still = watch(*cases / "still_with_sound.mp4");
  CHECK(still.numbers == range(0, 19));
  REQUIRE(still.seconds.size() == 20);
  CHECK(still.seconds[9] == Approx(0.36).margin(1e-3));
  CHECK(still.seconds[10] == Approx(16).margin(1e-3));
}

TEST_CASE("a part of a video is read by time, and every so many frames") {
  const auto cases = shared_data("../cases/videos");
  if (!cases) return;
  CHECK(watch(*cases / "clip.ts", {.start = 0.16, .end = 0.32}).numbers == range(4, 7));
  CHECK(watch(*cases / "rot180.mp4", {.every = 5}).seconds.size() == 3);
  CHECK(watch(*cases / "damaged_middle.mp4", {.start = 1.7}).numbers.front() == 43);
}

TEST_CASE("what is no video is refused, and pictures and texts are none") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(VideoReader("/nowhere.mp4"), "/nowhere.mp4: no such file");
  write(folder.path / "a.mp4", "not a video");
  CHECK_THROWS_WITH(VideoReader((folder.path / "a.mp4").string()),
                    ContainsSubstring("a.mp4: video: cannot be opened: "));
  write(folder.path / "a.txt", "one\ntwo\n");
  write_plain_image(folder.path / "a.png", 8, 8);
  fs::rename(folder.path / "a.png", folder.path / "picture");
  for (const char* name : {"a.mp4", "a.txt", "picture"})
    CHECK_FALSE(is_video((folder.path / name).string()));
  CHECK(is_video("rtsp://camera/1"));
  CHECK(is_video("0"));
  CHECK(is_video("-"));
}

TEST_CASE("mutated videos neither crash nor hang") {
  const auto cases = shared_data("../cases/videos");
  if (!cases) return;
  const TemporaryFolder folder;
  std::mt19937_64 random(1);
  for (const char* name : {"clip.ts", "clip.flv", "clip.wmv", "rot90.mp4", "odd_65x49.avi"}) {
    const auto bytes = read(*cases / name);
    for (int i = 0; i < 20; ++i) {
      auto mutated = bytes;
      for (int j = 0; j < 8; ++j) mutated[random() % mutated.size()] = static_cast<char>(random());
      if (i % 4 == 0) mutated.resize(random() % mutated.size());
      write(folder.path / name, mutated);
      CAPTURE(name, i);
      try {
        const auto frames = watch(folder.path / name).numbers.size();
        CHECK(frames < 100);
      } catch (const Error& error) {
        CHECK_THAT(error.what(), ContainsSubstring(name));
      }
    }
  }
}
