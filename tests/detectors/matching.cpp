#include "lanner/detectors/matching.h"

#include "tests/catch.h"

using namespace lanner::detectors;

TEST_CASE("boxes match their best target, or are negative, or between") {
  const auto iou = torch::tensor({0.9f, 0.5f, 0.1f, 0.2f, 0.6f, 0.05f}).view({2, 3});
  const auto matches = match(iou, 0.7, 0.3, false);
  CHECK(at::equal(matches, torch::tensor({int64_t{0}, kIgnored, kNegative})));
}

TEST_CASE("each target keeps every box that ties for its best, but a box its own best target") {
  const auto iou = torch::tensor({0.2f, 0.2f, 0.1f, 0.25f, 0.1f, 0.1f}).view({2, 3});
  const auto matches = match(iou, 0.7, 0.3, true);
  // Target 0's best is .2, boxes 0 and 1; box 0 is nearer to target 1.
  CHECK(at::equal(matches, torch::tensor({int64_t{1}, int64_t{0}, kNegative})));
}

TEST_CASE("without targets every box is negative") {
  CHECK(at::equal(match(torch::zeros({0, 3}), 0.7, 0.3, true),
                  torch::full({3}, kNegative, torch::kLong)));
}

TEST_CASE("samples are of the wanted number and share, without repeats") {
  torch::manual_seed(1);
  auto matches = torch::full({100}, kNegative, torch::kLong);
  matches.slice(0, 0, 40).fill_(3);
  matches.slice(0, 90).fill_(kIgnored);
  const auto chosen = sample(matches, 32, 0.25);
  CHECK(chosen.positive.size(0) == 8);
  CHECK(chosen.negative.size(0) == 24);
  CHECK((matches.index_select(0, chosen.positive) == 3).all().item<bool>());
  CHECK((matches.index_select(0, chosen.negative) == kNegative).all().item<bool>());
  CHECK(std::get<0>(at::_unique(chosen.negative)).size(0) == 24);
  CHECK(sample(matches, 80, 1.0).positive.size(0) == 40);  // there are no more
  CHECK(sample(torch::full({5}, kNegative, torch::kLong), 80, 0.5).negative.size(0) == 5);
}
