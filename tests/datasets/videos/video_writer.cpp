#include "lanner/datasets/videos/video_writer.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

VideoFrame gray(int width, int height, int value, double seconds) {
  return {cv::Mat(height, width, CV_8UC3, cv::Scalar::all(value)), seconds, 0, {}};
}

}  // namespace

TEST_CASE("frames are written with their times, at a variable rate and with odd sides") {
  const TemporaryFolder folder;
  const auto file = (folder.path / "a.mp4").string();
  const std::vector<double> seconds{3, 3.04, 3.5, 5, 5.01};
  VideoWriter writer(file, 25, {65, 49});
  for (size_t i = 0; i < seconds.size(); ++i)
    writer.write(gray(65, 49, int(40 * i + 20), seconds[i]));
  writer.finish();
  VideoReader reader(file);
  VideoFrame frame;
  for (size_t i = 0; i < seconds.size(); ++i) {
    REQUIRE(reader.next(frame));
    CHECK(frame.seconds == Approx(seconds[i] - 3).margin(1e-3));
    CHECK(frame.rgb.size() == cv::Size(66, 50));
    CHECK(std::abs(frame.rgb.at<cv::Vec3b>(48, 64)[1] - int(40 * i + 20)) < 4);
  }
  CHECK_FALSE(reader.next(frame));
}

TEST_CASE("frames of another size are scaled to the first one's") {
  const TemporaryFolder folder;
  const auto file = (folder.path / "a.mp4").string();
  {
    VideoWriter writer(file, 25, {64, 48});
    writer.write(gray(64, 48, 100, 0));
    writer.write(gray(128, 96, 100, 0.04));
  }  // the destructor finishes the file
  VideoReader reader(file);
  VideoFrame frame;
  REQUIRE((reader.next(frame) && reader.next(frame)));
  CHECK(frame.rgb.size() == cv::Size(64, 48));
}

TEST_CASE("sound is copied") {
  const auto cases = shared_data("../cases/videos");
  if (!cases) return;
  const TemporaryFolder folder;
  const auto source = (*cases / "still_with_sound.mp4").string();
  const auto count_sound = [](VideoReader& reader, VideoWriter* writer) {
    VideoFrame frame;
    size_t packets = 0;
    while (reader.next(frame)) {
      packets += frame.sound.size();
      if (writer) writer->write(frame);
    }
    packets += frame.sound.size();
    if (writer) writer->finish(frame.sound);
    return packets;
  };
  VideoReader reader(source, {.sound = true});
  VideoWriter writer((folder.path / "a.mp4").string(), 25, {64, 48}, reader.sound());
  CHECK_FALSE(writer.note());
  const auto packets = count_sound(reader, &writer);
  CHECK(packets > 600);
  VideoReader copy((folder.path / "a.mp4").string(), {.sound = true});
  CHECK(count_sound(copy, nullptr) >= packets - 2);
}

TEST_CASE("a full disk and a folder that is not there are errors with the reason") {
  const auto fill = [] {
    VideoWriter writer("/dev/full", 25, {64, 48});
    for (int i = 0; i < 200; ++i) writer.write(gray(64, 48, i, i / 25.));
    writer.finish();
  };
  CHECK_THROWS_WITH(fill(), "/dev/full: cannot be written: No space left on device");
  CHECK_THROWS_WITH(VideoWriter("/nowhere/a.mp4", 25, cv::Size(64, 48)),
                    "/nowhere/a.mp4: cannot be written: No such file or directory");
}
