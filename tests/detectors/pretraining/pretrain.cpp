#include "lanner/detectors/pretraining/pretrain.h"

#include <cmath>
#include <opencv2/core.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

// Writes images of one color each with a little noise, so that patches of different images are easy
// to distinguish. folder_of(i): the folder of image i.
template <typename FolderOf>
void write_colored_images(const FolderOf& folder_of, int count) {
  cv::theRNG().state = 7;
  for (int i = 0; i < count; ++i) {
    cv::Mat rgb(80, 80, CV_8UC3, cv::Scalar(40 + 50 * (i % 5), 40 + 50 * (i / 5), 220 - 9 * i));
    cv::Mat noise(rgb.size(), CV_8UC3);
    cv::randu(noise, 0, 25);
    datasets::write_image(folder_of(i) / (std::to_string(i) + ".png"), rgb + noise);
  }
}

PretrainOptions small_run(const fs::path& images, const fs::path& out) {
  PretrainOptions options;
  options.images = {images};
  options.width = tiny_options().backbone.width;
  options.image_size = 64, options.patch.size = 16, options.patch.stride = 8;
  options.directions = 1;
  options.loop.out = out;
  options.loop.warmup_steps = 5;
  options.loop.log_every = 1;
  return options;
}

const auto never = [] { return false; };

}  // namespace

TEST_CASE("pretraining lowers the loss, and a detector loads its backbone", "[slow]") {
  const TemporaryFolder folder;
  write_colored_images([&](int) { return folder.path / "images"; }, 20);
  auto options = small_run(folder.path / "images", folder.path / "run");
  options.loop.batch_size = 10;
  options.loop.epochs = 30;
  options.show = true;
  CHECK(pretrain(options, never) == LoopEnd::finished);
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

TEST_CASE("pretraining warns once about collapsed features") {
  const TemporaryFolder folder;
  for (const auto* name : {"a.png", "b.png", "c.png", "d.png"})
    datasets::write_image(folder.path / "images" / name, cv::Mat::zeros(80, 80, CV_8UC3));
  auto options = small_run(folder.path / "images", folder.path / "run");
  options.patch.gray = 0, options.patch.contrast = 0, options.patch.brightness = 0;
  options.loop.batch_size = 4;
  options.loop.epochs = 110;
  std::ostringstream captured;
  auto* const original = std::cerr.rdbuf(captured.rdbuf());
  pretrain(options, never);
  std::cerr.rdbuf(original);
  const auto text = captured.str(),
             warning = std::string("warning: lr: at step 101 the features of all");
  CHECK(text.find(warning) != std::string::npos);
  CHECK(text.rfind("warning: lr") == text.find(warning));
}

TEST_CASE("pretraining does not depend on the folders of images, which may be labels") {
  const TemporaryFolder folder;
  std::vector<std::string> weights;
  for (const int run : {0, 1}) {
    const auto root = folder.path / std::to_string(run);
    write_colored_images(
        [&](int i) { return root / ("class" + std::to_string((i + run) * 5 % 3)); }, 8);
    auto options = small_run(root, folder.path / ("run" + std::to_string(run)));
    options.loop.batch_size = 4;
    options.loop.epochs = 2;
    CHECK(pretrain(options, never) == LoopEnd::finished);
    weights.push_back(read(options.loop.out / "best.safetensors"));
  }
  CHECK(weights[0] == weights[1]);
}

TEST_CASE("pretraining starts from --init, and a resumed run equals an uninterrupted one") {
  const TemporaryFolder folder;
  write_colored_images([&](int) { return folder.path / "images"; }, 8);
  const auto run = [&](const std::string& name, int stop_after, auto change) {
    auto options = small_run(folder.path / "images", folder.path / name);
    options.loop.batch_size = 4;
    options.loop.epochs = 2;
    change(options);
    int steps = 0;
    pretrain(options, [&] { return steps++ == stop_after; });
    return options.loop.out / "last.safetensors";
  };
  const auto uninterrupted = run("uninterrupted", -1, [](auto&) {});
  run("resumed", 2, [](auto&) {});
  const auto resumed = run("resumed", -1, [](auto& o) { o.loop.resume = true; });
  CHECK(read_safetensors(uninterrupted)
            .tensors.at("target.weight")
            .equal(read_safetensors(resumed).tensors.at("target.weight")));
  const auto name = "backbone.body.layer1.0.conv1.weight";
  const auto initialized = run("initialized", 0, [&](auto& o) { o.init = uninterrupted; });
  CHECK(read_safetensors(initialized)
            .tensors.at(name)
            .equal(read_safetensors(uninterrupted).tensors.at(name)));
}

TEST_CASE("with on_bad_image=skip, a damaged image stops neither the run nor its pictures") {
  const TemporaryFolder folder;
  write_colored_images([&](int) { return folder.path / "images"; }, 8);
  write(folder.path / "images/3.png", "no image");
  auto options = small_run(folder.path / "images", folder.path / "run");
  options.loop.batch_size = 4;
  options.loop.epochs = 2;
  options.loop.on_bad_image = "skip";
  options.show = true;
  CHECK(pretrain(options, never) == LoopEnd::finished);
  CHECK(fs::exists(folder.path / "run/predictions.png"));
  options.loop.batch_size = 9;
  options.loop.out = folder.path / "other";
  CHECK_THROWS_WITH(pretrain(options, never),
                    ContainsSubstring("batch_size: expected at most the number of images, 8"));
}

TEST_CASE("both objectives write a report with pictures") {
  const TemporaryFolder folder;
  write_colored_images([&](int) { return folder.path / "images"; }, 8);
  for (const std::string objective : {"cpc", "simclr"}) {
    auto options = small_run(folder.path / "images", folder.path / objective);
    options.objective = objective;
    options.loop.batch_size = 4;
    options.loop.epochs = 1;
    options.show = true;
    CHECK(pretrain(options, never) == LoopEnd::finished);
    CHECK(fs::exists(options.loop.out / "neighbors.png"));
    CHECK(fs::exists(options.loop.out / "predictions.png") == (objective == "cpc"));
    CHECK_THAT(read(options.loop.out / "report.html"),
               ContainsSubstring("feature_rank") && ContainsSubstring("nearest"));
  }
}
