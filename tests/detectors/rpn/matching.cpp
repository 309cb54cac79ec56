#include "lanner/detectors/rpn/matching.h"

#include "tests/catch.h"

using namespace lanner::detectors;

TEST_CASE("boxes are matched to their best target, ignored or negative") {
  const auto iou = torch::tensor({0.9f, 0.5f, 0.1f, 0.2f, 0.6f, 0.05f}).view({2, 3});
  const auto matches = match(iou, 0.7, 0.3, false);
  CHECK(at::equal(matches, torch::tensor({int64_t{0}, kIgnored, kNegative})));
}

TEST_CASE(
    "low-quality matches: boxes with a target's highest IoU are positive, matched to their own "
    "best") {
  const auto iou = torch::tensor({0.2f, 0.2f, 0.1f, 0.25f, 0.1f, 0.1f}).view({2, 3});
  const auto matches = match(iou, 0.7, 0.3, true);
  // The highest IoU of target 0 is 0.2, with boxes 0 and 1; box 0 overlaps more with target 1.
  CHECK(at::equal(matches, torch::tensor({int64_t{1}, int64_t{0}, kNegative})));
}

TEST_CASE("without targets all boxes are negative") {
  CHECK(at::equal(match(torch::zeros({0, 3}), 0.7, 0.3, true),
                  torch::full({3}, kNegative, torch::kLong)));
}

TEST_CASE("sampling respects count and fraction, without repetition") {
  torch::manual_seed(1);
  auto matches = torch::full({100}, kNegative, torch::kLong);
  matches.slice(0, 0, 40).fill_(3);
  matches.slice(0, 90).fill_(kIgnored);
  const auto sampled = sample(matches, 32, 0.25);
  CHECK(sampled.positive.size(0) == 8);
  CHECK(sampled.negative.size(0) == 24);
  CHECK((matches.index_select(0, sampled.positive) == 3).all().item<bool>());
  CHECK((matches.index_select(0, sampled.negative) == kNegative).all().item<bool>());
  CHECK(std::get<0>(at::_unique(sampled.negative)).size(0) == 24);
  CHECK(sample(matches, 80, 1.0).positive.size(0) == 40);  // all there are
  CHECK(sample(torch::full({5}, kNegative, torch::kLong), 80, 0.5).negative.size(0) == 5);
}
