#include "lanner/detectors/object_detector.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "lanner/detectors/weights/checkpoint.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::tests;

TEST_CASE("ObjectDetector gives plain structs, for any layout of pixels and from any thread") {
  const TemporaryFolder folder;
  torch::manual_seed(0);
  detectors::Detector tiny(tiny_options());
  save_detector(folder.path / "w.safetensors", tiny);
  const ObjectDetector detector(folder.path / "w.safetensors", {.min_score = 0.f});
  CHECK(detector.classes() == std::vector<std::string>{"class1", "class2"});
  cv::Mat image(60, 80, CV_8UC3);
  cv::randu(image, 0, 255);
  const auto expected = detector.detect(image, PixelOrder::rgb);
  REQUIRE(!expected.empty());
  const auto check = [&](const std::vector<FoundBox>& found) {
    REQUIRE(found.size() == expected.size());
    CHECK(found[0].score == expected[0].score);
    CHECK(found[0].x1 == expected[0].x1);
    CHECK(found[0].name == expected[0].name);
  };
  check(detector.detect(image.data, 80, 60, 3, PixelOrder::rgb));
  cv::Mat swapped;
  cv::cvtColor(image, swapped, cv::COLOR_RGB2BGRA);
  check(detector.detect(swapped, PixelOrder::bgr));
  std::vector<std::thread> threads;
  std::vector<size_t> counts(4);
  for (size_t i = 0; i < counts.size(); ++i)
    threads.emplace_back([&, i] { counts[i] = detector.detect(image, PixelOrder::rgb).size(); });
  for (auto& thread : threads) thread.join();
  CHECK(counts == std::vector<size_t>(4, expected.size()));
}

TEST_CASE("ObjectDetector throws lanner's errors") {
  CHECK_THROWS_AS(ObjectDetector("/nowhere.safetensors"), Error);
  const TemporaryFolder folder;
  save_detector(folder.path / "w.safetensors", detectors::Detector(tiny_options()));
  CHECK_THROWS_AS(ObjectDetector(folder.path / "w.safetensors", {.device = "tpu"}), Error);
  const ObjectDetector detector(folder.path / "w.safetensors");
  CHECK_THROWS_WITH(detector.detect(cv::Mat(4, 4, CV_8UC2), PixelOrder::bgr),
                    ContainsSubstring("image: expected"));
  const std::uint8_t pixels[12] = {};
  CHECK_THROWS_WITH(detector.detect(pixels, 2, 2, 3, PixelOrder::bgr, 5),
                    ContainsSubstring("stride: expected at least 6"));
  CHECK_THROWS_WITH(detector.detect(nullptr, 2, 2, 3, PixelOrder::bgr),
                    ContainsSubstring("image:"));
}
