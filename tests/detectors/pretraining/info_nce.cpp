#include "lanner/detectors/pretraining/info_nce.h"

#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "tests/catch.h"

using namespace lanner::detectors;

namespace {

constexpr InfoNceOptions kDotProducts{.temperature = 0};

at::Tensor naive_info_nce(const at::Tensor& predictions, const at::Tensor& targets,
                          const at::Tensor& positives, double temperature) {
  const auto normalize = [](const at::Tensor& x) { return x / x.norm(2, 1, true); };
  const auto logits =
      temperature > 0 ? torch::matmul(normalize(predictions), normalize(targets).t()) / temperature
                      : torch::matmul(predictions, targets.t()) * 0.1;
  return torch::cross_entropy_loss(logits, positives);
}

}  // namespace

TEST_CASE("the InfoNCE loss is ln N for uniform scores and 0 for certain predictions") {
  const auto targets = torch::eye(4);
  const auto positives = torch::arange(4);
  const auto uniform = info_nce(torch::zeros({4, 4}), targets, positives, kDotProducts);
  CHECK(uniform.loss.item<double>() == Approx(std::log(4)));
  CHECK(uniform.accuracy.item<double>() == 0);  // ties are not correct
  const auto certain = info_nce(targets, targets, positives, {.temperature = 0.02});
  CHECK(certain.loss.item<double>() == Approx(0).margin(1e-6));
  CHECK(certain.accuracy.item<double>() == 1);
}

TEST_CASE("the blockwise loss and its gradients match a naive softmax") {
  torch::manual_seed(1);
  // More logits than fit into a block.
  const auto predictions = torch::randn({3000, 8}), targets = torch::randn({2500, 8});
  const auto positives = torch::randint(2500, {3000}, torch::kLong);
  for (const double temperature : {0., 0.2}) {
    auto p = predictions.clone().set_requires_grad(true),
         t = targets.clone().set_requires_grad(true);
    const auto actual = info_nce(p, t, positives, {.temperature = temperature}).loss;
    const auto expected = naive_info_nce(p, t, positives, temperature);
    CHECK(actual.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
    const auto grads = torch::autograd::grad({3 * actual}, {p, t});
    const auto expected_grads = torch::autograd::grad({3 * expected}, {p, t});
    CHECK(at::allclose(grads[0], expected_grads[0], 1e-3, 1e-8));
    CHECK(at::allclose(grads[1], expected_grads[1], 1e-3, 1e-7));
  }
}

TEST_CASE("sampled negatives are uniform and never the positive") {
  torch::manual_seed(2);
  // The positive has by far the highest score. If it were among the negatives, the loss would be
  // ln 2.
  const auto targets = torch::eye(5), positives = torch::arange(5);
  for (int i = 0; i < 50; ++i)
    CHECK(info_nce(targets, targets, positives, {.temperature = 0.02, .negatives = 3})
              .loss.item<double>() < 1e-6);
  // One of the 4 possible negatives has the score of the positive. The loss is ln 2 if it is
  // sampled, with a probability of 1/4, and 0 otherwise.
  const auto predictions = torch::tensor({1.f, 1.f, 0.f, 0.f, 0.f}).view({1, 5}).repeat({20000, 1});
  const auto first_target = torch::zeros({20000}, torch::kLong);
  const auto loss =
      info_nce(predictions, targets, first_target, {.temperature = 0.01, .negatives = 1})
          .loss.item<double>();
  CHECK(loss == Approx(std::log(2) / 4).epsilon(0.05));
  CHECK(info_nce(torch::zeros({5, 5}), targets, positives, {.temperature = 0, .negatives = 3})
            .loss.item<double>() == Approx(std::log(4)));
}
