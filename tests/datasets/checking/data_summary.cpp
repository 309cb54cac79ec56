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
  CHECK(!changed({"x"}));
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
  CHECK(summary.long_side == 640);
  CHECK(summary.short_side == 480);
  CHECK(summary.sides[1] == 11);
  CHECK(std::abs(summary.sides[2] - 50.5) <= 0.5);
  CHECK(summary.ratios == std::array{1., 1.});
  CHECK(summary.objects_per_image == 1);
}

TEST_CASE("summarize reads sizes that the annotations lack, and takes a data set without images") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 120, 90);
  const auto summary = summarize({{}, {{1, folder.path / "a.jpg", 0, 0, {}}}});
  CHECK(summary.long_side == 120);
  CHECK(summary.short_side == 90);
  CHECK(summarize({}).objects == 0);
}

TEST_CASE("an image that cannot be read is left out of the summary") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 120, 90);
  const auto summary = summarize(
      {{}, {{1, folder.path / "missing.jpg", 0, 0, {}}, {2, folder.path / "a.jpg", 0, 0, {}}}});
  CHECK(summary.images == 2);
  CHECK(summary.long_side == 120);
}

TEST_CASE("portrait and landscape images, and several resolutions, are summarized at one scale") {
  Dataset data{{{1, "cat"}}, {}};
  const auto add = [&](int width, int height, double side) {
    ImageRecord image{std::ssize(data.images), {}, width, height, {}};
    image.objects.push_back({.box = {0, 0, side, side}, .label = 1});
    data.images.push_back(image);
  };
  for (int i = 0; i < 3; ++i) add(640, 480, 48);
  for (int i = 0; i < 2; ++i) add(960, 1280, 96);
  const auto summary = summarize(data);
  CHECK(summary.short_side == 480);
  CHECK(summary.long_side == 640);
  CHECK(summary.sides == std::array{48., 48., 48., 48., 48.});
}
