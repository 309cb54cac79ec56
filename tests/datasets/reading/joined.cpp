#include "lanner/datasets/reading/joined.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("data sets separated by commas are joined, such as VOC 2007 and 2012") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path / "VOC2007", voc_object("cat", "1", "1", "9", "9"));
  write_voc_folder(folder.path / "VOC2012",
                   voc_object("ape", "1", "1", "9", "9") + voc_object("cat", "11", "1", "19", "9"));
  const auto at = [&](const std::string& data) { return (folder.path / data).string(); };
  const auto dataset = open_dataset(at("VOC2007:train") + "," + at("VOC2012:train"));
  REQUIRE(dataset.images.size() == 2);
  CHECK(dataset.images[0].id == 1);
  CHECK(dataset.images[1].id == 2);
  REQUIRE(dataset.categories.size() == 2);
  CHECK((dataset.categories[0].name == "cat" && dataset.categories[0].id == 1));
  CHECK((dataset.categories[1].name == "ape" && dataset.categories[1].id == 2));
  CHECK(dataset.images[1].objects.at(0).label == 2);
  CHECK(dataset.images[1].objects.at(1).label == 1);
  CHECK_THROWS_WITH(open_dataset(at("VOC2007") + "," + at("none")),
                    ContainsSubstring("none: no such file or folder"));
}

TEST_CASE("joined data sets keep image ids that are unique") {
  const Dataset a{{{7, "cat"}}, {{30, "a.jpg", 1, 1, {{{0, 0, 1, 1}, 1}}}}};
  const Dataset b{{{7, "dog"}, {9, "cat"}}, {{4, "b.jpg", 1, 1, {{{0, 0, 1, 1}, 2}}}}};
  const auto dataset = joined({a, b});
  CHECK(dataset.images[0].id == 30);
  CHECK(dataset.images[1].id == 4);
  CHECK(dataset.categories[1].id == 8);  // 7 is the id of cat
  CHECK(dataset.images[1].objects[0].label == 1);
}

TEST_CASE("evenly_spaced keeps categories, order and at most so many images") {
  Dataset all{{{1, "cat"}}, {}};
  for (int i = 0; i < 10; ++i) all.images.push_back({i, {}, 0, 0, {}});
  const auto ids = [&](size_t max_images) {
    std::vector<int64_t> ids;
    for (const auto& image : evenly_spaced(all, max_images).images) ids.push_back(image.id);
    return ids;
  };
  CHECK(ids(20).size() == 10);
  CHECK(ids(4) == std::vector<int64_t>{0, 3, 6, 9});
  CHECK(evenly_spaced(all, 4).categories.size() == 1);
  CHECK(evenly_spaced({}, 4).images.empty());
}
