#include "lanner/detectors/selection/cover.h"

#include <set>

#include "tests/catch.h"

using namespace lanner::detectors;

namespace {

// Features [N, 1, 8] of images in groups that are far apart: their sizes in turn.
at::Tensor groups(const std::vector<int64_t>& sizes) {
  torch::manual_seed(4);
  std::vector<at::Tensor> rows;
  for (const auto size : sizes)
    rows.push_back(3 * torch::randn({1, 1, 8}) + 0.1 * torch::randn({size, 1, 8}));
  return torch::cat(rows);
}

std::set<int64_t> groups_of(const std::vector<int64_t>& chosen, const std::vector<int64_t>& sizes) {
  std::set<int64_t> result;
  for (auto image : chosen) {
    int64_t group = 0;
    while (image >= sizes[group]) image -= sizes[group++];
    result.insert(group);
  }
  return result;
}

}  // namespace

TEST_CASE("as many images as there are groups: one of each, however rare") {
  const std::vector<int64_t> sizes{50, 20, 5, 10};
  const auto features = groups(sizes);
  for (const auto cover : {Cover::coverage, Cover::k_center, Cover::k_means}) {
    const auto chosen = choose_cover(features, 4, {}, cover, 1);
    CHECK(chosen.size() == 4);
    CHECK(groups_of(chosen, sizes).size() == 4);
  }
}

TEST_CASE("groups that have labels need no others, and nothing is chosen twice") {
  const std::vector<int64_t> sizes{50, 20, 5, 10};
  const auto features = groups(sizes);
  for (const auto cover : {Cover::coverage, Cover::k_center, Cover::k_means}) {
    const auto chosen = choose_cover(features, 2, {0, 60}, cover, 1);
    CHECK(groups_of(chosen, sizes) == std::set<int64_t>{2, 3});
    const auto all = choose_cover(features, 100, {0, 60}, cover, 1);
    CHECK(all.size() == 83);
    CHECK(std::set<int64_t>(all.begin(), all.end()).size() == 83);
  }
}

TEST_CASE("an image with a region that is nowhere else is chosen by its regions") {
  torch::manual_seed(5);
  auto features = 0.1 * torch::randn({30, 4, 8}) + torch::randn({1, 4, 8});
  features[17][2] = 5 * torch::randn({8});
  const auto chosen = choose_cover(features, 2, {}, Cover::k_center, 0);
  CHECK(std::set<int64_t>(chosen.begin(), chosen.end()).contains(17));
}

TEST_CASE("the same seed gives the same selection") {
  const auto features = groups({30, 30, 30});
  CHECK(choose_cover(features, 9, {}, Cover::k_means, 3) ==
        choose_cover(features, 9, {}, Cover::k_means, 3));
  CHECK(choose_cover(features, 9, {}, Cover::k_means, 3) !=
        choose_cover(features, 9, {}, Cover::k_means, 4));
}
