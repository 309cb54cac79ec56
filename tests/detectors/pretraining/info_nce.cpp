#include "lanner/detectors/pretraining/info_nce.h"

#include <cmath>

#include "tests/catch.h"

using namespace lanner::detectors;

namespace {

constexpr InfoNceOptions kDotProducts{.temperature = 0};

at::Tensor naive(const at::Tensor& predictions, const at::Tensor& targets,
                 const at::Tensor& positives, double temperature) {
  const auto unit = [](const at::Tensor& x) { return x / x.norm(2, 1, true); };
  const auto logits = temperature > 0
                          ? torch::matmul(unit(predictions), unit(targets).t()) / temperature
                          : torch::matmul(predictions, targets.t()) * 0.1;
  return torch::cross_entropy_loss(logits, positives);
}

}  // namespace

TEST_CASE("InfoNCE by hand: a guess costs ln N and is never right, certainty costs nothing") {
  const auto targets = torch::eye(4);
  const auto positives = torch::arange(4);
  const auto guess = info_nce(torch::zeros({4, 4}), targets, positives, kDotProducts);
  CHECK(guess.loss.item<double>() == Approx(std::log(4)));
  CHECK(guess.accuracy.item<double>() == 0);  // all are tied
  const auto sure = info_nce(targets, targets, positives, {.temperature = 0.02});
  CHECK(sure.loss.item<double>() == Approx(0).margin(1e-6));
  CHECK(sure.accuracy.item<double>() == 1);
}

TEST_CASE("the loss and its gradients are those of a plain softmax, block by block") {
  torch::manual_seed(1);
  // More logits than a block holds.
  const auto predictions = torch::randn({3000, 8}), targets = torch::randn({2500, 8});
  const auto positives = torch::randint(2500, {3000}, torch::kLong);
  for (const double temperature : {0., 0.2}) {
    auto p = predictions.clone().set_requires_grad(true),
         t = targets.clone().set_requires_grad(true);
    const auto found = info_nce(p, t, positives, {.temperature = temperature}).loss;
    const auto expected = naive(p, t, positives, temperature);
    CHECK(found.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
    const auto mine = torch::autograd::grad({3 * found}, {p, t});
    const auto theirs = torch::autograd::grad({3 * expected}, {p, t});
    CHECK(at::allclose(mine[0], theirs[0], 1e-3, 1e-8));
    CHECK(at::allclose(mine[1], theirs[1], 1e-3, 1e-7));
  }
}

TEST_CASE("drawn negatives are never the positive, and all others are drawn alike") {
  torch::manual_seed(2);
  // The positive scores far above all: were it among the negatives, it would cost ln 2.
  const auto targets = torch::eye(5), positives = torch::arange(5);
  for (int i = 0; i < 50; ++i)
    CHECK(info_nce(targets, targets, positives, {.temperature = 0.02, .negatives = 3})
              .loss.item<double>() < 1e-6);
  // One other scores as high as the positive, which is one of 4 to be drawn: as often as that, the
  // loss is ln 2.
  const auto twin = torch::tensor({1.f, 1.f, 0.f, 0.f, 0.f}).view({1, 5}).repeat({20000, 1});
  const auto first = torch::zeros({20000}, torch::kLong);
  const auto loss =
      info_nce(twin, targets, first, {.temperature = 0.01, .negatives = 1}).loss.item<double>();
  CHECK(loss == Approx(std::log(2) / 4).epsilon(0.05));
  CHECK(info_nce(torch::zeros({5, 5}), targets, positives, {.temperature = 0, .negatives = 3})
            .loss.item<double>() == Approx(std::log(4)));
}
