#include "lanner/detectors/pretraining/pretrain.h"

#include <cmath>
#include <opencv2/core.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/pretraining/context.h"
#include "lanner/detectors/pretraining/cpc.h"
#include "lanner/detectors/pretraining/info_nce.h"
#include "lanner/detectors/pretraining/patches.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("patches are cut in reading order, image by image") {
  const auto images = torch::rand({2, 3, 32, 48});
  const auto patches = patch_grid(images, 16, 8);
  REQUIRE(patches.sizes() == at::IntArrayRef{2 * 3 * 5, 3, 16, 16});
  CHECK(at::equal(patches[15 + 5 + 2], images[1].slice(1, 8, 24).slice(2, 16, 32)));
}

TEST_CASE("the context at a row sees that row and those above, no others") {
  torch::manual_seed(1);
  Context context(8, 16, 3);
  auto z = torch::rand({1, 8, 6, 5}).set_requires_grad(true);
  const int64_t row = 2;
  const auto grad = torch::autograd::grad({context(z).select(2, row).sum()}, {z})[0];
  for (int64_t r = 0; r < 6; ++r) {
    INFO("row " << r);
    CHECK((grad.select(2, r).abs().sum().item<double>() > 0) == (r <= row));
  }
}

TEST_CASE("InfoNCE by hand: a guess costs ln N, certainty nothing") {
  const auto targets = torch::eye(4);
  const auto positives = torch::arange(4);
  const auto guess = info_nce(torch::zeros({4, 4}), targets, positives);
  CHECK(guess.loss.item<double>() == Approx(std::log(4)));
  const auto sure = info_nce(50 * targets, targets, positives);
  CHECK(sure.loss.item<double>() == Approx(0).margin(1e-6));
  CHECK(sure.accuracy.item<double>() == 1);
}

TEST_CASE("CPC begins near ln N, and predicts a row without having seen it") {
  torch::manual_seed(2);
  PretrainOptions options;
  options.image_size = 64, options.patch_size = 16, options.patch_stride = 8;
  options.loop.batch_size = 4;
  Cpc cpc(options);
  const auto result = cpc->forward(torch::randn({4, 3, 64, 64}));
  CHECK(result.candidates == 4 * 7 * 7);
  CHECK(result.loss.item<double>() == Approx(std::log(4 * 49)).epsilon(0.05));
}

TEST_CASE("CPC's options are checked by name") {
  PretrainOptions options;
  options.last_distance = 7;
  CHECK_THROWS_WITH(
      Cpc(options),
      ContainsSubstring("last-distance: expected less than the 7 rows of patches, got 7"));
  options = {};
  options.directions = 3;
  CHECK_THROWS_WITH(Cpc(options), ContainsSubstring("directions: expected 1 or 4, got 3"));
}

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
  options.image_size = 64, options.patch_size = 16, options.patch_stride = 8;
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
