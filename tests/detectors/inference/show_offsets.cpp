#include "lanner/detectors/inference/show_offsets.h"

#include <opencv2/core.hpp>

#include "tests/catch.h"
#include "tests/detectors/make_detector.h"

using namespace lanner::detectors;
using lanner::tests::tiny_detectors;

TEST_CASE("draw_offsets draws for deformable detectors and rejects others") {
  torch::manual_seed(1);
  const Detections detections{torch::tensor({20.f, 30.f, 120.f, 90.f}).view({1, 4}),
                              torch::ones({1}, torch::kLong), torch::ones({1})};
  for (const auto& [name, options] : tiny_detectors()) {
    INFO(name);
    Detector detector(options);
    detector->eval();
    cv::Mat image(120, 160, CV_8UC3, cv::Scalar(90, 90, 90));
    const auto before = image.clone();
    if (name.find("deformable") == std::string::npos) {
      CHECK_THROWS_WITH(draw_offsets(image, detector, detections, 0.5),
                        ContainsSubstring("no deformable layers"));
      continue;
    }
    draw_offsets(image, detector, detections, 0.5);
    CHECK(cv::norm(image, before) > 0);
    auto unchanged = before.clone();
    draw_offsets(unchanged, detector, detections, 2.0);  // above every score
    CHECK(cv::norm(unchanged, before) == 0);
  }
}

TEST_CASE("sampling_locations returns the offsets that the network predicts") {
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  Detector detector(tiny_detectors().at("dc5, deformable"));
  detector->eval();
  auto parameters = detector->named_parameters();
  parameters["backbone.body.layer4.1.conv2_offset.bias"].fill_(1.5);
  parameters["roi_heads.box_roi_pool.offset.bias"].fill_(2);
  const auto batch = detector->prepare({torch::rand({3, 96, 128})});
  const auto locations =
      detector->sampling_locations(batch, torch::tensor({20.f, 30.f, 90.f, 80.f}).view({1, 4}));
  REQUIRE(locations.convolutions.size() == 2);
  CHECK((locations.convolutions[1].offset == 1.5).all().item<bool>());
  CHECK((locations.convolutions[0].offset == 0).all().item<bool>());
  CHECK(locations.convolutions[1].dilation == 2);
  CHECK(locations.convolutions[1].stride == 16);
  CHECK(at::allclose(locations.bin_offsets, torch::full({1, 2, 7, 7}, 0.2f)));
}
