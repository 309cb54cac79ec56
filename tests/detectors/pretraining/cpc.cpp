#include "lanner/detectors/pretraining/cpc.h"

#include <torch/optim/adamw.h>

#include <cmath>

#include "lanner/detectors/pretraining/feature_stats.h"
#include "lanner/detectors/pretraining/simclr.h"
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

TEST_CASE("predictions do not depend on the rows that they predict") {
  for (const std::string context : {"conv", "gru"}) {
    torch::manual_seed(2);
    auto options = small();
    options.context = context;
    Cpc cpc(options);
    cpc.eval();
    const torch::NoGradGuard no_grad;
    const auto images = torch::randn({2, 3, 64, 64});
    auto changed = images.clone();
    // Patches of row r end at pixel 8 r + 16, so that rows 0 to 2 end at pixel 32.
    changed.slice(2, 32) = torch::randn({2, 3, 32, 64});
    const auto z = cpc.encode(images), changed_z = cpc.encode(changed);
    CHECK(at::allclose(z.slice(2, 0, 3), changed_z.slice(2, 0, 3), 1e-4, 1e-5));
    CHECK_FALSE(at::allclose(z.slice(2, 3), changed_z.slice(2, 3), 1e-2, 1e-3));
    // The scores of unchanged patches for contexts at rows 0 to 2.
    const auto unchanged_scores = [](const at::Tensor& scores) {
      return scores.view({2, 5, 7, 2, 7, 7}).slice(1, 0, 3).slice(4, 0, 3);
    };
    CHECK(at::allclose(unchanged_scores(cpc.scores(z, 2)),
                       unchanged_scores(cpc.scores(changed_z, 2)), 1e-3, 1e-4));
  }
}

TEST_CASE("the initial CPC loss is near ln N, and its bound does not exceed ln N") {
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
      CHECK(result.parts.size() == 12);
      CHECK(result.parts[4].first == "accuracy_left_3");
      CHECK(result.features.sizes() == at::IntArrayRef{196, 256});
    }
}

TEST_CASE("independent patches cannot be predicted", "[slow]") {
  // Patches are independent noise without overlap, so that nothing learned from one batch helps
  // with the next: the loss stays at ln N or above.
  torch::manual_seed(3);
  auto options = small();
  options.width = 16;
  options.patch.stride = 16, options.first_distance = options.last_distance = 1;
  options.directions = 1;
  options.loop.batch_size = 8;
  Cpc cpc(options);
  torch::optim::AdamW optimizer(cpc.parameters(), torch::optim::AdamWOptions(1e-3));
  const double ln_n = std::log(8. * 16);
  double final_loss = 0;
  for (int step = 0; step < 60; ++step) {
    optimizer.zero_grad();
    const auto loss = cpc.forward(torch::randn({8, 3, 64, 64})).loss;
    loss.backward();
    optimizer.step();
    if (step >= 50) final_loss += loss.item<double>() / 10;
  }
  CHECK(final_loss > ln_n - 0.02);
  CHECK(final_loss < ln_n + 0.3);
}

TEST_CASE("only batch norm makes the features of a patch depend on other patches") {
  for (const auto norm : {Norm::layer, Norm::group, Norm::none, Norm::batch}) {
    torch::manual_seed(2);
    Encoder encoder(ResNetOptions{.depth = 18, .norm = norm, .stages = 2});
    const torch::NoGradGuard no_grad;
    const auto patches = torch::randn({4, 3, 32, 32});
    auto changed = patches.clone();
    changed[1] = 3 * torch::randn({3, 32, 32});
    const auto a = encoder(patches)[0], b = encoder(changed)[0];
    const bool independent = ((a - b).norm() / a.norm()).item<double>() < 1e-5;
    CHECK(independent == (norm != Norm::batch));
  }
}

TEST_CASE("the SimCLR loss is below ln N for identical views") {
  torch::manual_seed(2);
  auto options = small();
  options.objective = "simclr";
  options.temperature = 0.05;
  options.patch = {.gray = 0, .contrast = 0, .brightness = 0};
  const auto simclr = make_objective(options);
  CHECK(simclr->views() == 2);
  const auto images = torch::rand({4, 3, 1, 1}).expand({4, 3, 64, 64});
  const auto result = simclr->forward(torch::cat({images, images}));
  CHECK(result.candidates == 4);
  CHECK(result.accuracy.item<double>() == 1);
  CHECK(result.loss.item<double>() < std::log(4.));
}

TEST_CASE("SimCLR distinguishes images that are nearly identical") {
  torch::manual_seed(2);
  auto options = small();
  options.objective = "simclr";
  options.patch = {.gray = 0, .contrast = 0, .brightness = 0};
  const auto simclr = make_objective(options);
  const auto images = torch::rand({1, 3, 64, 64}) + 0.02 * torch::randn({8, 3, 1, 1});
  const auto result = simclr->forward(torch::cat({images, images}));
  CHECK(result.accuracy.item<double>() == 1);
  CHECK(result.loss.item<double>() < std::log(8.) / 2);
}

TEST_CASE("feature_stats distinguishes collapsed features from spread ones") {
  torch::manual_seed(2);
  const auto isotropic = feature_stats(torch::randn({4000, 16}));
  CHECK(isotropic.deviation == Approx(1).epsilon(0.02));
  CHECK(isotropic.rank == Approx(16).epsilon(0.05));
  const auto point = feature_stats(torch::ones({50, 16}) + 1e-4 * torch::randn({50, 16}));
  CHECK(point.deviation < 1e-3);
  const auto line = feature_stats(torch::randn({500, 1}) * torch::randn({1, 16}));
  CHECK(line.rank == Approx(1).epsilon(0.01));
}

TEST_CASE("make_objective rejects invalid options by name") {
  const auto rejects = [](auto change, const std::string& message) {
    PretrainOptions options;
    change(options);
    CHECK_THROWS_WITH(make_objective(options), ContainsSubstring(message));
  };
  rejects([](auto& o) { o.last_distance = 5; },
          "last_distance: expected less than the 5 rows of patches, got 5");
  rejects([](auto& o) { o.directions = 3; }, "directions: expected 1 or 4, got 3");
  rejects([](auto& o) { o.objective = "moco"; },
          "objective: expected cpc, simclr or regions, got \"moco\"");
  rejects([](auto& o) { o.context = "lstm"; }, "context: expected conv or gru, got \"lstm\"");
  rejects([](auto& o) { o.negatives = 5000; },
          "negatives: expected 0 to the 399 other patches, got 5000");
  rejects([](auto& o) { o.patch.crop = 0; }, "patch.crop: expected > 0 and <= 1, got 0");
  rejects([](auto& o) { o.patch.gray = 2; }, "patch.gray: expected 0 to 1, got 2");
  rejects([](auto& o) { o.temperature = -1; }, "temperature: expected >= 0, got -1");
}
