#include "lanner/detectors/roi_heads/roi_head.h"

#include <torch/csrc/autograd/autograd.h>

#include "lanner/detectors/autocast.h"
#include "lanner/detectors/roi_heads/linear.h"
#include "lanner/detectors/roi_heads/roi_pooling.h"
#include "lanner/detectors/roi_heads/roi_targets.h"
#include "lanner/detectors/roi_heads/suppress.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

at::Tensor pool(const std::vector<at::Tensor>& features, const std::vector<double>& scales,
                const at::Tensor& rois, int64_t size) {
  return RoiPooling(features[0].size(1), scales, size, RoiOptions{})(features, rois);
}

}  // namespace

TEST_CASE("RoI pooling selects the level by RoI size and keeps the order of the RoIs") {
  const std::vector<at::Tensor> features{torch::full({1, 1, 64, 64}, 1.f),
                                         torch::full({1, 1, 32, 32}, 2.f),
                                         torch::full({1, 1, 16, 16}, 3.f)};
  const auto rois = torch::tensor({0.f, 0.f, 0.f, 224.f, 224.f, 0.f, 0.f, 0.f, 20.f, 20.f, 0.f, 0.f,
                                   0.f, 120.f, 120.f})
                        .view({3, 5});
  const auto pooled = pool(features, {0.25, 0.125, 0.0625}, rois, 2);
  CHECK(pooled[0].mean().item<float>() == 3);
  CHECK(pooled[1].mean().item<float>() == 1);
  CHECK(pooled[2].mean().item<float>() == 2);
}

TEST_CASE("RoI coordinates are not rounded to bfloat16 under autocast") {
  torch::manual_seed(5);
  const std::vector<at::Tensor> features{torch::rand({1, 4, 80, 80})};
  const auto rois = torch::tensor({0.f, 300.7f, 401.3f, 517.9f, 606.1f}).view({1, 5});
  const auto expected = pool(features, {0.125}, rois, 7);
  const Autocast autocast(true, torch::kCPU);
  const auto actual = pool({features[0].to(torch::kBFloat16)}, {0.125}, rois, 7);
  CHECK((actual.to(torch::kFloat) - expected).abs().max().item<double>() < 5e-3);
}

TEST_CASE("R-FCN averages the position-sensitive bins of each class") {
  // Naive reference: the mean of each bin in its own map (arXiv 1605.06409, equation 1).
  torch::manual_seed(6);
  const torch::NoGradGuard no_grad;
  for (const int64_t k : {3, 7}) {
    auto options = tiny_detectors().at("rfcn, roi_align");
    options.roi.pooling = Pooling::roi_pool;
    options.roi.pooled_size = k;
    Backbone backbone(options.backbone);
    const auto head = make_roi_head(options, backbone);
    const auto x = torch::randn({1, 32, 20, 24});
    // A RoI that is aligned with feature map pixels: it begins at row 2, column 1, and has 2 x 2
    // pixels per bin.
    const double side = double(2 * k) * 16 - 1;
    const auto rois =
        torch::tensor({0., 16., 32., 16 + side, 32 + side}).to(torch::kFloat).view({1, 5});
    const auto predictions = head->forward({x}, rois);
    for (const auto& [name, votes] :
         {std::pair{"score_maps", predictions.logits}, {"box_maps", predictions.deltas}}) {
      const auto parameters = head->named_parameters();
      const auto maps = at::conv2d(x, parameters[std::string(name) + ".weight"],
                                   parameters[std::string(name) + ".bias"]);
      for (int64_t c = 0; c < votes.size(1); ++c) {
        double sum = 0;
        for (int64_t i = 0; i < k; ++i)
          for (int64_t j = 0; j < k; ++j)
            sum += maps[0][(c * k + i) * k + j]
                       .slice(0, 2 + 2 * i, 4 + 2 * i)
                       .slice(1, 1 + 2 * j, 3 + 2 * j)
                       .mean()
                       .item<double>();
        CHECK(votes[0][c].item<double>() == Approx(sum / double(k * k)).margin(1e-5));
      }
    }
    CHECK(predictions.logits.size(1) == 3);
    CHECK(predictions.deltas.size(1) == 4);
  }
}

TEST_CASE("R-FCN on a pyramid gives the same predictions in training and evaluation mode") {
  // Levels differ in their statistics, so that a batch norm over levels would fail here.
  torch::manual_seed(7);
  const torch::NoGradGuard no_grad;
  auto options = tiny_detectors().at("rfcn, fpn, deformable");
  options.roi.deformable = false, options.roi.pooling = Pooling::roi_align;
  Backbone backbone(options.backbone);
  const auto head = make_roi_head(options, backbone);
  const std::vector<at::Tensor> features{3 * torch::randn({1, 32, 16, 16}),
                                         torch::randn({1, 32, 8, 8}) + 2,
                                         torch::randn({1, 32, 4, 4}) / 5};
  const auto rois = torch::tensor({0.f, 5.f, 9.f, 70.f, 90.f}).view({1, 5});
  const auto training = head->forward(features, rois);
  head->eval();
  const auto evaluation = head->forward(features, rois);
  CHECK(at::allclose(training.logits, evaluation.logits, 1e-4, 1e-6));
  CHECK(at::allclose(training.deltas, evaluation.deltas, 1e-4, 1e-6));
}

TEST_CASE("hard example mining selects the highest losses per image, positive or negative") {
  const auto roi = [](int64_t image) { return std::vector<float>{float(image), 0, 0, 9, 9}; };
  RoiTargets targets;
  targets.rois.per_image = {4, 2};
  std::vector<float> rois;
  for (const int image : {0, 0, 0, 0, 1, 1})
    for (const float value : roi(image)) rois.push_back(value);
  targets.rois.rois = torch::tensor(rois).view({6, 5});
  targets.labels = torch::tensor({0, 1, 0, 1, 0, 0}, torch::kLong);
  targets.deltas = torch::zeros({6, 4});
  // Row 0: confident background. Row 1: correct class, but a large box error. Row 2: wrong class.
  // Row 3: correct class and box.
  RoiPredictions predictions{
      torch::tensor({5.f, 0.f, 0.f, 5.f, 0.f, 2.f, 0.f, 5.f, 0.f, 1.f, 1.f, 0.f}).view({6, 2}),
      torch::zeros({6, 4})};
  predictions.deltas[1].fill_(3);
  const auto all_logits = predictions.logits.requires_grad_();
  select_hard_examples(predictions, targets, RoiOptions{.sampled_rois = 2});
  CHECK(targets.rois.per_image == std::vector<int64_t>{2, 2});
  CHECK(at::equal(targets.labels, torch::tensor({1, 0, 0, 0}, torch::kLong)));
  CHECK(predictions.deltas[0][0].item<float>() == 3);
  CHECK(predictions.logits[1][1].item<float>() == 2);
  CHECK(predictions.logits.requires_grad());
  // RoIs that are not selected get no gradient.
  const auto grad = torch::autograd::grad({predictions.logits.square().sum()}, {all_logits})[0];
  CHECK(at::equal(grad.abs().sum(1) > 0, torch::tensor({false, true, true, false, true, true})));
  CHECK(targets.rois.rois.select(1, 0).sum().item<float>() == 2);
}

TEST_CASE("a small beta of the box loss does not make all hard examples positive") {
  RoiTargets targets;
  targets.rois = {torch::tensor({0.f, 0.f, 0.f, 9.f, 9.f}).view({1, 5}).repeat({2, 1}), {2}};
  targets.labels = torch::tensor({1, 0}, torch::kLong);
  targets.deltas = torch::zeros({2, 4});
  // A confident positive with a small box error, and background with a loss of ln 2.
  RoiPredictions predictions{torch::tensor({0.f, 6.f, 0.f, 0.f}).view({2, 2}),
                             torch::full({2, 4}, 0.3)};
  select_hard_examples(predictions, targets, RoiOptions{.sampled_rois = 1, .beta = 1. / 9});
  CHECK(targets.labels.item<int64_t>() == 0);
}

TEST_CASE("class-agnostic box deltas apply to every class") {
  const auto roi = torch::tensor({0.f, 10.f, 10.f, 30.f, 30.f}).view({1, 5});
  const RoiPredictions predictions{torch::tensor({0.f, 3.f, 2.9f}).view({1, 3}),
                                   torch::tensor({1.f, 0.f, 0.f, 0.f}).view({1, 4})};
  const auto detections =
      select_detections(predictions, {roi, {1}}, {{100, 100}}, {{100, 100}}, {});
  REQUIRE(detections[0].boxes.size(0) == 2);
  CHECK(at::allclose(detections[0].boxes[0], torch::tensor({12.f, 10.f, 32.f, 30.f})));
  CHECK(at::equal(detections[0].boxes[0], detections[0].boxes[1]));
  CHECK(at::equal(detections[0].labels, torch::tensor({1, 2}, torch::kLong)));
}

TEST_CASE("linear and its gradients match at::linear") {
  torch::manual_seed(7);
  for (const bool relu : {false, true})
    for (const int64_t rows : {0, 1, 33}) {
      const torch::nn::Linear layer(48, 20);
      auto x = torch::randn({rows, 48}).requires_grad_();
      const auto weights = torch::randn({rows, 20});
      const std::vector<at::Tensor> leaves{x, layer->weight, layer->bias};
      auto expected = at::linear(x, layer->weight, layer->bias);
      if (relu) expected = expected.relu();
      const auto actual = linear(layer, x, relu);
      CHECK(at::allclose(actual, expected, 1e-4, 1e-5));
      const auto expected_grads = torch::autograd::grad({(expected * weights).sum()}, leaves);
      const auto grads = torch::autograd::grad({(actual * weights).sum()}, leaves);
      for (size_t i = 0; i < leaves.size(); ++i)
        CHECK(at::allclose(grads[i], expected_grads[i], 1e-3, 1e-4));
    }
}

TEST_CASE("linear has second derivatives") {
  torch::manual_seed(8);
  const torch::nn::Linear layer(8, 3);
  const auto x = torch::randn({5, 8}).requires_grad_();
  const auto penalty = [&](const at::Tensor& out) {
    const auto first = torch::autograd::grad({out.pow(2).sum()}, {x}, {}, true, true)[0];
    return torch::autograd::grad({first.pow(2).sum()}, {layer->weight})[0];
  };
  const auto expected = penalty(at::linear(x, layer->weight, layer->bias));
  CHECK(at::allclose(penalty(linear(layer, x, false)), expected, 1e-3, 1e-4));
}

TEST_CASE("an image without RoIs has no detections and no box loss") {
  const auto no_rois = torch::zeros({0, 5});
  const RoiPredictions predictions{torch::zeros({0, 3}), torch::zeros({0, 12})};
  const auto detections = select_detections(predictions, {no_rois, {0}}, {{9, 9}}, {{9, 9}}, {});
  CHECK(detections[0].boxes.sizes() == at::IntArrayRef{0, 4});
  const RoiTargets targets{{no_rois, {0}}, torch::zeros({0}, torch::kLong), torch::zeros({0, 4})};
  CHECK(roi_losses(predictions, targets, {}).box_reg.item<float>() == 0);
}

TEST_CASE("Soft-NMS lowers the scores of detections of the same class alone, NMS removes them") {
  const auto boxes = torch::tensor({0.f, 0.f, 10.f, 10.f, 2.f, 0.f, 12.f, 10.f, 2.f, 0.f, 12.f,
                                    10.f, 50.f, 50.f, 60.f, 60.f})
                         .view({4, 4});
  const auto scores = torch::tensor({0.9f, 0.8f, 0.7f, 0.06f});
  const auto labels = torch::tensor({1, 1, 2, 1}, torch::kLong);
  RoiOptions options;
  const auto hard = suppress(boxes, scores, labels, options);
  CHECK(torch::equal(hard.indices, torch::tensor({0, 2, 3}, torch::kLong)));
  CHECK(torch::equal(hard.scores, scores.index_select(0, hard.indices)));
  options.soft_nms = 0.5;
  const auto soft = suppress(boxes, scores, labels, options);
  const double iou = 80. / 120, lowered = 0.8 * std::exp(-iou * iou / 0.5);
  CHECK(torch::equal(soft.indices, torch::tensor({0, 2, 1, 3}, torch::kLong)));
  CHECK(soft.scores[2].item<double>() == Approx(lowered));
  options.score_threshold = 0.5;
  CHECK(suppress(boxes, scores, labels, options).indices.size(0) == 2);
  CHECK(suppress(boxes.slice(0, 0, 0), scores.slice(0, 0, 0), labels.slice(0, 0, 0), options)
            .indices.size(0) == 0);
}
