#include "lanner/detectors/preprocessing.h"

#include "lanner/datasets/images/image.h"
#include "lanner/datasets/loading/loader.h"
#include "lanner/datasets/synthetic.h"
#include "lanner/detectors/detector.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;
using datasets::Interpolation;

namespace {

at::Tensor bytes_of(const cv::Mat& rgb) {
  return torch::from_blob(rgb.data, {rgb.rows, rgb.cols, 3}, torch::kByte)
      .permute({2, 0, 1})
      .clone();
}

double difference(const datasets::Batch& a, const datasets::Batch& b) {
  REQUIRE(a.images.sizes() == b.images.sizes());
  return (a.images - b.images).abs().max().item<double>();
}

}  // namespace

TEST_CASE("loader, matrices, byte tensors and float tensors give the same batch, to the bit") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path, .images = 2, .width = 333, .height = 217});
  const auto dataset = datasets::open_dataset(folder.path.string());
  for (const auto interpolation :
       {Interpolation::area, Interpolation::linear, Interpolation::torchvision})
    for (const int min_size : {96, 300}) {  // smaller and larger than the image
      INFO(datasets::to_text(interpolation) << " " << min_size);
      auto options = tiny_options();
      options.resize = {min_size, 1000, interpolation};
      Detector detector(options);
      const auto loader = datasets::evaluation_loader(
          dataset, 1, options.resize, {.threads = 1, .normalization = options.normalization});
      const auto loaded = *loader->next();
      const auto rgb = datasets::read_image(dataset.images[0].path).rgb;
      const auto matrix = detector->prepare(rgb);
      const auto bytes = detector->prepare({bytes_of(rgb)});
      const auto floats = detector->prepare({bytes_of(rgb).to(torch::kFloat).div(255)});
      CHECK(difference(loaded, matrix) == 0);
      CHECK(difference(matrix, bytes) == 0);
      CHECK(difference(matrix, floats) <
            (interpolation == Interpolation::torchvision ? 1e-5 : 1e-9));
      CHECK(matrix.original_sizes[0].width == 333);
    }
}

TEST_CASE("torchvision's resize is torch's bilinear interpolation of floats") {
  torch::manual_seed(1);
  auto options = tiny_options();
  const auto image = torch::rand({3, 70, 101});
  for (const int min_size : {48, 130}) {
    options.resize = {min_size, 1000, Interpolation::torchvision};
    Detector detector(options);
    const auto batch = detector->prepare({image});
    const auto& size = batch.sizes[0];
    const auto& n = options.normalization;
    const auto mean = torch::tensor({n.mean[0], n.mean[1], n.mean[2]}).view({3, 1, 1});
    const auto std = torch::tensor({n.std[0], n.std[1], n.std[2]}).view({3, 1, 1});
    const auto expected = at::upsample_bilinear2d(((image - mean) / std).unsqueeze(0),
                                                  {size.height, size.width}, false)[0];
    const auto found = batch.images[0].slice(1, 0, size.height).slice(2, 0, size.width);
    CHECK((found - expected).abs().max().item<double>() < 1e-4);
  }
}

TEST_CASE("shrinking by area keeps the mean of fine stripes, shrinking linearly does not") {
  cv::Mat stripes(240, 240, CV_8UC3, cv::Scalar::all(0));
  for (int x = 0; x < stripes.cols; x += 4) stripes.col(x).setTo(cv::Scalar::all(255));
  auto options = tiny_options();
  options.normalization = {.mean = {0, 0, 0}, .std = {1, 1, 1}};
  const auto deviation = [&](Interpolation interpolation) {
    options.resize = {60, 60, interpolation};
    const auto batch = preprocess({stripes}, options);
    const auto pixels = batch.images[0].slice(1, 0, 60).slice(2, 0, 60);
    return std::abs(pixels.mean().item<double>() - 0.25);
  };
  CHECK(deviation(Interpolation::area) < 0.01);
  CHECK(deviation(Interpolation::linear) > 0.1);
}

TEST_CASE("images that are not finite, or not in 0..1, are rejected by index") {
  Detector detector(tiny_options());
  const auto good = torch::rand({3, 20, 20});
  auto bad = good.clone();
  bad[0][3][3] = std::nan("");
  CHECK_THROWS_WITH(detector->prepare({good, bad}),
                    ContainsSubstring("images[1]: expected finite values in 0..1, got"));
  CHECK_THROWS_WITH(detector->prepare({good * 255}),
                    ContainsSubstring("images[0]: expected finite values in 0..1, got"));
  CHECK_THROWS_WITH(detector->prepare(cv::Mat(9, 9, CV_8UC1, cv::Scalar(0))),
                    ContainsSubstring("image: expected a non-empty CV_8UC3 matrix, got CV_8UC1"));
}
