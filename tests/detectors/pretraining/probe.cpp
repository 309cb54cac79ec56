#include "lanner/detectors/pretraining/probe.h"

#include <opencv2/core.hpp>

#include "lanner/datasets/image.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

// Three clouds, `apart` from each other.
LabelledFeatures clouds(int64_t count, double apart) {
  const auto labels = torch::arange(count) % 3;
  auto features = torch::randn({count, 6});
  features.slice(1, 0, 3) += apart * torch::one_hot(labels, 3);
  return {features, labels};
}

}  // namespace

TEST_CASE("classes far apart are all told, classes that are not apart by chance") {
  torch::manual_seed(1);
  const auto near = clouds(300, 0), near_test = clouds(3000, 0);
  const auto far = clouds(300, 12), far_test = clouds(300, 12);
  CHECK(linear_accuracy(far, far_test, 0) == 1);
  CHECK(knn_accuracy(far, far_test, 20) > 0.98);
  CHECK(linear_accuracy(near, near_test, 0) == Approx(1. / 3).margin(0.04));
  CHECK(knn_accuracy(near, near_test, 20) == Approx(1. / 3).margin(0.04));
}

TEST_CASE("nearest neighbours vote by hand") {
  const LabelledFeatures train{torch::tensor({{1.f, 0.f}, {0.8f, 0.6f}, {0.f, 1.f}}),
                               torch::tensor({0, 1, 1})};
  const LabelledFeatures test{torch::tensor({{2.f, 0.1f}, {0.5f, 5.f}}), torch::tensor({0, 1})};
  CHECK(knn_accuracy(train, test, 1) == 1);
  CHECK(knn_accuracy(train, test, 3) == 1);    // exp(1 / .07) outweighs exp(.86 / .07)
  CHECK(knn_accuracy(train, test, 200) == 1);  // no more than there are
}

TEST_CASE("features come from whole images or from the mean over patches") {
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
  const auto whole = image_features(encoder, files, 64, ProbeInput::image, patch);
  const auto patches = image_features(encoder, files, 64, ProbeInput::patches, patch);
  REQUIRE(whole.size() == 3);
  CHECK(whole[0].sizes() == at::IntArrayRef{3, 64});
  CHECK(patches[2].sizes() == at::IntArrayRef{3, 256});
  CHECK_FALSE(at::allclose(whole[2], patches[2]));
}
