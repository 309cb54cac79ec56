#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "lanner/detectors/tuning/fit.h"
#include "lanner/detectors/tuning/plan.h"
#include "tests/catch.h"

using namespace lanner;
using namespace lanner::detectors;

namespace {

// The loss of a model whose best learning rate is 0.5 * images^-0.2, and batch size
// 0.3 * images^0.3.
double true_loss(double lr, double batch, double images) {
  const double x = std::log(lr / (0.5 * std::pow(images, -0.2)));
  const double y = std::log(batch / (0.3 * std::pow(images, 0.3)));
  return 5 * std::pow(images, -0.3) * std::exp(0.05 * x * x + 0.08 * y * y + 0.02 * x * y);
}

std::vector<Trial> trials(double noise, bool one_batch_size = false) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(0, noise);
  std::vector<Trial> all;
  for (int round = 0; round < 3; ++round)
    for (const double lr : {0.02, 0.05, 0.12, 0.3})
      for (const double batch : {2., 4., 8.}) {
        if (one_batch_size && batch != 4) continue;
        const double images = 4000. * (1 << round);
        const double loss = true_loss(lr, batch, images) * std::exp(normal(random));
        all.push_back(
            {.round = round, .lr = lr, .batch_size = batch, .images = images, .loss = loss});
      }
  return all;
}

}  // namespace

TEST_CASE("the fit finds the power laws that the losses follow") {
  const LossSurface surface(trials(0));
  REQUIRE(surface.has_minimum());
  const auto [lr, batch] = surface.laws();
  CHECK(lr.exponent == Approx(-0.2).epsilon(1e-6));
  CHECK(lr.factor == Approx(0.5).epsilon(1e-5));
  CHECK(batch.exponent == Approx(0.3).epsilon(1e-6));
  CHECK(batch.factor == Approx(0.3).epsilon(1e-5));
  CHECK(surface.loss(0.1, 5, 64000) == Approx(true_loss(0.1, 5, 64000)).epsilon(1e-6));
  CHECK(surface.residual() < 1e-6);
}

TEST_CASE("four times the longest trial, the predicted settings are within 2 % of the best loss") {
  const double images = 4 * 16000;
  const auto tuned = predict(trials(0.02), images);
  INFO((tuned.doubts.empty() ? "" : tuned.doubts[0]));
  CHECK(tuned.doubts.empty());
  const double best = true_loss(0.5 * std::pow(images, -0.2), 0.3 * std::pow(images, 0.3), images);
  CHECK(true_loss(tuned.lr.value, tuned.batch_size.value, images) < 1.02 * best);
  CHECK(tuned.loss.low < best);
  CHECK(tuned.loss.high > best);
  CHECK(tuned.lr.low < tuned.lr.value);
  CHECK(tuned.AP().low < 1 - best);
  CHECK(tuned.AP().high > 1 - best);
}

TEST_CASE("the same trials give the same prediction") {
  const auto a = predict(trials(0.02), 64000), b = predict(trials(0.02), 64000);
  CHECK(a.lr.low == b.lr.low);
  CHECK(a.loss.high == b.loss.high);
}

TEST_CASE("one batch size is fitted by the learning rate alone") {
  const auto tuned = predict(trials(0, true), 64000);
  CHECK(tuned.batch_size.value == Approx(4));
  CHECK(tuned.has_laws);
}

TEST_CASE("fits that are not to be trusted are doubted, and the best long trial is taken") {
  const auto doubts = [](const std::vector<Trial>& trials, double images) {
    std::string all;
    for (const auto& doubt : predict(trials, images).doubts) all += doubt + "\n";
    return all;
  };
  CHECK_THAT(doubts(trials(0.02), 1e6), ContainsSubstring("times as long as the longest trial"));
  CHECK_THAT(doubts(trials(0.4), 64000), ContainsSubstring("scatter"));
  CHECK_THAT(doubts(trials(0.4), 64000), ContainsSubstring("% higher than with the best settings"));
  auto high = trials(0);
  for (auto& trial : high) trial.lr /= 100, trial.loss = 1e-4 / trial.lr;  // the more the better
  CHECK_THAT(doubts(high, 64000), ContainsSubstring("end of the tested range"));
  CHECK(predict(high, 64000).lr.value == Approx(0.003));
  auto few = trials(0);
  few.resize(9);
  CHECK_THAT(doubts(few, 8000), ContainsSubstring("9 trials are few"));
}

TEST_CASE("of fewer trials than the fit has coefficients the best is taken, and the fit doubted") {
  for (const size_t count : {2, 3, 5}) {
    auto few = trials(0);
    few.erase(few.begin() + static_cast<std::ptrdiff_t>(count), few.end());
    const auto tuned = predict(few, 64000);
    const auto best = std::min_element(
        few.begin(), few.end(), [](const auto& a, const auto& b) { return a.loss < b.loss; });
    CHECK_FALSE(tuned.doubts.empty());
    CHECK(tuned.lr.value == best->lr);
    CHECK(tuned.batch_size.value == best->batch_size);
  }
}

TEST_CASE("trials that diverged are left out; without others there is nothing to fit") {
  auto some = trials(0);
  some.push_back({.round = 2, .lr = 10, .batch_size = 4, .loss = INFINITY});
  CHECK(predict(some, 64000).lr.value == Approx(predict(trials(0), 64000).lr.value));
  CHECK_THROWS_WITH(predict({{.lr = 1, .batch_size = 1, .loss = INFINITY}}, 100),
                    ContainsSubstring("0 trials have a finite loss"));
}

TEST_CASE("trials that learned nothing do not bend the fit") {
  auto all = trials(0.02);
  const auto before = predict(all, 64000);
  for (int round = 0; round < 3; ++round)
    for (const double batch : {2., 4., 8.})
      all.push_back({.round = round,
                     .lr = 1,
                     .batch_size = batch,
                     .images = 4000. * (1 << round),
                     .loss = 0.999});  // an AP of 0.001
  const auto after = predict(all, 64000);
  CHECK(after.doubts.empty());
  CHECK(after.lr.value == Approx(before.lr.value));
}

TEST_CASE("the learning rate is fitted where smaller batches are always better") {
  auto all = trials(0);
  for (auto& trial : all) {
    const double y = std::log(trial.batch_size / 4);
    trial.loss = true_loss(trial.lr, 0.3 * std::pow(trial.images, 0.3), trial.images) *
                 std::exp(0.2 * y - 0.05 * y * y);
  }
  const auto tuned = predict(all, 64000);
  CHECK(tuned.doubts.empty());
  CHECK_FALSE(tuned.has_laws);
  CHECK(tuned.lr.value == Approx(0.5 * std::pow(64000, -0.2)).epsilon(0.1));
  CHECK(tuned.batch_size.value == Approx(2));
}

TEST_CASE("the better value of another option is found") {
  auto all = trials(0.01);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].variant = static_cast<int>(i % 2);
    if (all[i].variant == 0) all[i].loss *= 1.2;
  }
  CHECK(predict(all, 64000).variant == 1);
}

TEST_CASE("rounds of a search halve the trials and double their length, within the minutes") {
  CHECK(trials_in_round(15, 0) == 15);
  CHECK(trials_in_round(15, 1) == 8);
  CHECK(trials_in_round(15, 2) == 4);
  CHECK(first_minutes(47, 15) == Approx(1));
  CHECK(trials_in_round(1, 2) == 1);
}

TEST_CASE(
    "each batch size is tried with each value of another option, or more rates are asked for") {
  TuneOptions options;
  options.train.loop.lr = 0.02, options.train.loop.batch_size = 4;
  for (const int variants : {2, 3, 5}) {
    std::map<int, std::set<int>> of_batch;
    for (const auto& setting : first_round(options, variants))
      of_batch[setting.batch_size].insert(setting.variant);
    REQUIRE(of_batch.size() == 3);
    for (const auto& [batch, seen] : of_batch) CHECK(std::ssize(seen) == variants);
  }
  CHECK_THROWS_WITH(first_round(options, 6), ContainsSubstring("learning rates, 5, got 6"));
}

TEST_CASE("values to vary are combined, and wrong ones are named") {
  using Texts = std::vector<std::string>;
  const auto of = [](const Texts& vary) {
    SearchOptions search;
    search.vary = vary;
    return variants(search);
  };
  CHECK(of({}).size() == 1);
  const auto four = of({"roi.beta=0.1,0.5", "backbone.fpn-pool=true,false"});
  REQUIRE(four.size() == 4);
  TrainOptions options;
  apply(four[3], options);
  CHECK(options.detector.roi.beta == 0.5);
  CHECK(!options.detector.backbone.fpn_pool);
  CHECK_THROWS_WITH(of({"roi.beta"}), ContainsSubstring("vary: expected OPTION=VALUE,VALUE"));
  CHECK_THROWS_WITH(apply({{"roi.alpha", "1"}}, options), ContainsSubstring("\"roi.alpha\""));
}
