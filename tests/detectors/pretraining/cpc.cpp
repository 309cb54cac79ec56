#include "lanner/detectors/pretraining/cpc.h"

#include <cmath>

#include "lanner/detectors/pretraining/simclr.h"
#include "lanner/detectors/pretraining/spread.h"
#include "tests/catch.h"

using namespace lanner::detectors;

namespace {

PretrainOptions small() {
  PretrainOptions options;
  options.image_size = 64, options.patch.size = 16, options.patch.stride = 8;
  options.last_distance = 4;
  options.loop.batch_size = 4;
  return options;
}

}  // namespace

TEST_CASE("a prediction does not change when the rows that it is about do") {
  for (const std::string kind : {"conv", "gru"}) {
    torch::manual_seed(2);
    auto options = small();
    options.context = kind;
    Cpc cpc(options);
    cpc.eval();
    const torch::NoGradGuard no_grad;
    const auto images = torch::randn({2, 3, 64, 64});
    auto changed = images.clone();
    // Patches of row r end at pixel 8 r + 16: below 32 there are none of rows 0 to 2.
    changed.slice(2, 32) = torch::randn({2, 3, 32, 64});
    const auto z = cpc.encode(images), other = cpc.encode(changed);
    CHECK(at::allclose(z.slice(2, 0, 3), other.slice(2, 0, 3), 1e-4, 1e-5));
    CHECK_FALSE(at::allclose(z.slice(2, 3), other.slice(2, 3), 1e-2, 1e-3));
    // How contexts of rows 0 to 2 score patches of the unchanged rows.
    const auto rows = [](const at::Tensor& scores) {
      return scores.view({2, 5, 7, 2, 7, 7}).slice(1, 0, 3).slice(4, 0, 3);
    };
    CHECK(at::allclose(rows(cpc.scores(z, 2)), rows(cpc.scores(other, 2)), 1e-3, 1e-4));
  }
}

TEST_CASE("CPC begins near ln N, and its bound never exceeds ln N") {
  for (const double temperature : {0., 0.1})
    for (const int negatives : {0, 16}) {
      torch::manual_seed(2);
      auto options = small();
      options.temperature = temperature, options.negatives = negatives;
      options.norm = Norm::none;
      Cpc cpc(options);
      const auto result = cpc.forward(torch::randn({4, 3, 64, 64}));
      CHECK(result.candidates == (negatives ? 17 : 4 * 7 * 7));
      const double ln_n = std::log(static_cast<double>(result.candidates));
      CHECK(result.loss.item<double>() == Approx(ln_n).epsilon(temperature > 0 ? 0.3 : 0.05));
      CHECK(ln_n - result.loss.item<double>() <= ln_n);
      CHECK(result.parts.size() == 12);
      CHECK(result.parts[4].first == "accuracy_left_3");
      CHECK(result.features.sizes() == at::IntArrayRef{196, 256});
    }
}

TEST_CASE("patches that have nothing to do with each other cannot be predicted", "[slow]") {
  // Every patch is noise of its own (no overlap), so what is learned from one batch is worth
  // nothing for the next: the loss stays at ln N, or above.
  torch::manual_seed(3);
  auto options = small();
  options.patch.stride = 16, options.first_distance = options.last_distance = 1;
  options.directions = 1;
  options.loop.batch_size = 8;
  Cpc cpc(options);
  torch::optim::AdamW optimiser(cpc.parameters(), torch::optim::AdamWOptions(1e-3));
  const double ln_n = std::log(8. * 16);
  double last = 0;
  for (int step = 0; step < 60; ++step) {
    optimiser.zero_grad();
    const auto loss = cpc.forward(torch::randn({8, 3, 64, 64})).loss;
    loss.backward();
    optimiser.step();
    if (step >= 50) last += loss.item<double>() / 10;
  }
  CHECK(last > ln_n - 0.02);
  CHECK(last < ln_n + 0.3);
}

TEST_CASE("layer norm keeps patches apart; batch norm does not") {
  for (const auto norm : {Norm::layer, Norm::group, Norm::none, Norm::batch}) {
    torch::manual_seed(2);
    Encoder encoder(ResNetOptions{.depth = 18, .norm = norm, .stages = 2});
    const torch::NoGradGuard no_grad;
    const auto patches = torch::randn({4, 3, 32, 32});
    auto changed = patches.clone();
    changed[1] = 3 * torch::randn({3, 32, 32});
    const auto a = encoder(patches)[0], b = encoder(changed)[0];
    const bool apart = ((a - b).norm() / a.norm()).item<double>() < 1e-5;
    CHECK(apart == (norm != Norm::batch));
  }
}

TEST_CASE("SimCLR's objective begins at ln N and falls to nothing for views that are the same") {
  torch::manual_seed(2);
  auto options = small();
  options.objective = "simclr";
  options.temperature = 0.05;
  options.patch = {.grey = 0, .contrast = 0, .brightness = 0};
  const auto simclr = make_objective(options);
  CHECK(simclr->views() == 2);
  const auto images = torch::rand({4, 3, 1, 1}).expand({4, 3, 64, 64});
  const auto same = simclr->forward(torch::cat({images, images}));
  CHECK(same.candidates == 4);
  CHECK(same.accuracy.item<double>() == 1);
  CHECK(same.loss.item<double>() < std::log(4.));
}

TEST_CASE("SimCLR's objective tells images apart that are nearly the same") {
  torch::manual_seed(2);
  auto options = small();
  options.objective = "simclr";
  options.patch = {.grey = 0, .contrast = 0, .brightness = 0};
  const auto simclr = make_objective(options);
  const auto images = torch::rand({1, 3, 64, 64}) + 0.02 * torch::randn({8, 3, 1, 1});
  const auto same = simclr->forward(torch::cat({images, images}));
  CHECK(same.accuracy.item<double>() == 1);
  CHECK(same.loss.item<double>() < std::log(8.) / 2);
}

TEST_CASE("spread tells features that collapsed from features that differ") {
  torch::manual_seed(2);
  const auto different = feature_spread(torch::randn({4000, 16}));
  CHECK(different.deviation == Approx(1).epsilon(0.02));
  CHECK(different.rank == Approx(16).epsilon(0.05));
  const auto point = feature_spread(torch::ones({50, 16}) + 1e-4 * torch::randn({50, 16}));
  CHECK(point.deviation < 1e-3);
  const auto line = feature_spread(torch::randn({500, 1}) * torch::randn({1, 16}));
  CHECK(line.rank == Approx(1).epsilon(0.01));
}

TEST_CASE("what pretraining cannot do is refused by name") {
  const auto refuses = [](auto change, const std::string& message) {
    PretrainOptions options;
    change(options);
    CHECK_THROWS_WITH(make_objective(options), ContainsSubstring(message));
  };
  refuses([](auto& o) { o.last_distance = 5; },
          "last-distance: expected less than the 5 rows of patches, got 5");
  refuses([](auto& o) { o.directions = 3; }, "directions: expected 1 or 4, got 3");
  refuses([](auto& o) { o.objective = "moco"; }, "objective: expected cpc or simclr, got moco");
  refuses([](auto& o) { o.context = "lstm"; }, "context: expected conv or gru, got lstm");
  refuses([](auto& o) { o.negatives = 5000; },
          "negatives: expected 0 to the 399 other patches, got 5000");
  refuses([](auto& o) { o.patch.crop = 0; }, "patch-crop: expected above 0 and up to 1, got 0");
  refuses([](auto& o) { o.patch.grey = 2; }, "patch-grey: expected 0 to 1, got 2");
  refuses([](auto& o) { o.temperature = -1; }, "temperature: expected 0 or more, got -1");
}
