#include "lanner/detectors/pretraining/pretrain.h"

#include <cmath>
#include <opencv2/core.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/detectors/checkpoint.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("pretraining lowers the loss, and its backbone loads into a detector", "[slow]") {
  const TemporaryFolder folder;
  // Images of one colour each, a speck of noise on it: patches of one image are easily told from
  // others.
  for (int i = 0; i < 20; ++i) {
    cv::Mat rgb(80, 80, CV_8UC3, cv::Scalar(40 + 50 * (i % 5), 40 + 50 * (i / 5), 220 - 9 * i));
    cv::Mat noise(rgb.size(), CV_8UC3);
    cv::randu(noise, 0, 25);
    datasets::write_image(folder.path / "images" / (std::to_string(i) + ".png"), rgb + noise);
  }
  PretrainOptions options;
  options.images = {folder.path / "images"};
  options.image_size = 64, options.patch.size = 16, options.patch.stride = 8;
  options.directions = 1;
  options.loop.out = folder.path / "run";
  options.loop.batch_size = 10;
  options.loop.epochs = 30;
  options.loop.warmup_steps = 5;
  options.loop.log_every = 1;
  CHECK(pretrain(options, [] { return false; }) == LoopEnd::finished);
  std::ifstream log(folder.path / "run/metrics.jsonl");
  std::vector<double> losses;
  for (std::string line; std::getline(log, line);)
    losses.push_back(std::stod(line.substr(line.find("\"loss\":") + 7)));
  REQUIRE(losses.size() == 60);
  CHECK(losses.front() == Approx(std::log(490)).epsilon(0.1));
  CHECK(losses.back() < losses.front() - 0.3);

  Detector detector(tiny_options());
  const auto report = load_backbone(*detector, folder.path / "run/best.safetensors");
  CHECK(report.loaded.size() > 40);
}
