#include "lanner/detectors/pretraining/probe.h"

#include <opencv2/core.hpp>

#include "lanner/datasets/images/image.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

// Three Gaussian clusters, one per class, whose means are `distance` away from the origin.
LabelledFeatures clusters(int64_t count, double distance) {
  const auto labels = torch::arange(count) % 3;
  auto features = torch::randn({count, 6});
  features.slice(1, 0, 3) += distance * torch::one_hot(labels, 3);
  return {features, labels};
}

}  // namespace

TEST_CASE("accuracy is 1 for distant clusters and chance for identical ones") {
  torch::manual_seed(1);
  const auto identical = clusters(300, 0), identical_test = clusters(3000, 0);
  const auto distant = clusters(300, 12), distant_test = clusters(300, 12);
  CHECK(linear_accuracy(distant, distant_test, 0) == 1);
  CHECK(knn_accuracy(distant, distant_test, 20) > 0.98);
  CHECK(linear_accuracy(identical, identical_test, 0) == Approx(1. / 3).margin(0.04));
  CHECK(knn_accuracy(identical, identical_test, 20) == Approx(1. / 3).margin(0.04));
}

TEST_CASE("knn_accuracy weights votes by similarity") {
  const LabelledFeatures train{torch::tensor({{1.f, 0.f}, {0.8f, 0.6f}, {0.f, 1.f}}),
                               torch::tensor({0, 1, 1})};
  const LabelledFeatures test{torch::tensor({{2.f, 0.1f}, {0.5f, 5.f}}), torch::tensor({0, 1})};
  CHECK(knn_accuracy(train, test, 1) == 1);
  CHECK(knn_accuracy(train, test, 3) == 1);    // exp(1 / .07) outweighs exp(.86 / .07)
  CHECK(knn_accuracy(train, test, 200) == 1);  // uses all three
}

TEST_CASE("image_features runs on full images or averages over patches") {
  const TemporaryFolder folder;
  std::vector<fs::path> files;
  for (int i = 0; i < 3; ++i) {
    cv::Mat rgb(70, 90, CV_8UC3);
    cv::randu(rgb, 0, 255);
    files.push_back(folder.path / (std::to_string(i) + ".png"));
    datasets::write_image(files.back(), rgb);
  }
  torch::manual_seed(1);
  Encoder encoder(ResNetOptions{.depth = 18, .norm = Norm::layer, .stages = 3});
  const PatchOptions patch{.size = 32, .stride = 16};
  const auto full = image_features(encoder, files, 64, ProbeInput::image, patch);
  const auto patches = image_features(encoder, files, 64, ProbeInput::patches, patch);
  REQUIRE(full.size() == 3);
  CHECK(full[0].sizes() == at::IntArrayRef{3, 64});
  CHECK(patches[2].sizes() == at::IntArrayRef{3, 256});
  CHECK_FALSE(at::allclose(full[2], patches[2]));
}
