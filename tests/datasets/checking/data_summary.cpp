#include "lanner/datasets/checking/data_summary.h"

#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("letters, digits, left and right are changed by mirroring, other names are not") {
  const auto changed = [](const std::vector<std::string>& names) {
    std::vector<Category> categories;
    for (const auto& name : names) categories.push_back({1, name});
    return mirroring_changes_classes(categories);
  };
  CHECK(changed({"Left turn", "right turn"}));
  CHECK(changed({"A", "B", "C"}));
  CHECK(changed({"0", "1", "10", "2", "skip"}));
  CHECK(!changed({"leftover", "cat"}));
  CHECK(!changed({"cat", "dog", "x"}));
  CHECK(!changed({}));
}

TEST_CASE("summarize gives medians and quantiles, and leaves crowds out") {
  Dataset data{{{1, "cat"}}, {}};
  for (int i = 1; i <= 100; ++i) {
    ImageRecord image{i, {}, 640, 480, {}};
    image.objects.push_back({.box = {0, 0, double(i), double(i)}, .label = 1});
    image.objects.push_back({.box = {0, 0, 600, 400}, .label = 1, .crowd = true});
    data.images.push_back(image);
  }
  const auto summary = summarize(data);
  CHECK(summary.images == 100);
  CHECK(summary.objects == 100);
  CHECK(summary.classes == 1);
  CHECK(summary.width == 640);
  CHECK(summary.height == 480);
  CHECK(summary.sides[1] == 11);
  CHECK(std::abs(summary.sides[2] - 50.5) <= 0.5);
  CHECK(summary.ratios == std::array{1., 1.});
  CHECK(summary.objects_per_image == 1);
}

TEST_CASE("summarize reads sizes that the annotations lack, and takes a data set without images") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 120, 90);
  const auto summary = summarize({{}, {{1, folder.path / "a.jpg", 0, 0, {}}}});
  CHECK(summary.width == 120);
  CHECK(summary.height == 90);
  CHECK(summarize({}).objects == 0);
}
