#include "lanner/datasets/synthetic.h"

#include <algorithm>
#include <cmath>

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("the same seed gives the same files, another seed different ones") {
  const TemporaryFolder a, b, c;
  write_synthetic({.out = a.path, .images = 4, .seed = 1});
  write_synthetic({.out = b.path, .images = 4, .seed = 1});
  write_synthetic({.out = c.path, .images = 4, .seed = 2});
  const char* image = "JPEGImages/scene_00002.jpg";
  CHECK(read(a.path / image) == read(b.path / image));
  CHECK(read(a.path / image) != read(c.path / image));
  CHECK(read(a.path / "annotations/instances_train.json") ==
        read(b.path / "annotations/instances_train.json"));
}

TEST_CASE("the VOC and COCO annotations are equal and without issues") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path, .images = 10});
  for (const std::string split : {"train", "val"}) {
    Issues issues;
    const auto voc = read_dataset(folder.path.string() + ":" + split, {}, nullptr, issues);
    const auto coco =
        read_dataset((folder.path / "annotations" / ("instances_" + split + ".json")).string(), {},
                     nullptr, issues);
    CHECK(issues.empty());
    REQUIRE(voc.images.size() == coco.images.size());
    REQUIRE(voc.images.size() == (split == "train" ? 8 : 2));
    for (size_t i = 0; i < voc.images.size(); ++i) {
      CHECK(voc.images[i].path.filename() == coco.images[i].path.filename());
      REQUIRE(voc.images[i].objects.size() == coco.images[i].objects.size());
      CHECK(!voc.images[i].objects.empty());
      for (size_t k = 0; k < voc.images[i].objects.size(); ++k)
        CHECK(voc.images[i].objects[k].box.x2 == coco.images[i].objects[k].box.x2);
    }
  }
}

TEST_CASE("deformed scenes differ from the default ones and have no issues") {
  const TemporaryFolder plain, deformed;
  write_synthetic({.out = plain.path, .images = 10});
  write_synthetic({.out = deformed.path, .images = 10, .deformation = 1});
  const char* image = "JPEGImages/scene_00002.jpg";
  CHECK(read(plain.path / image) != read(deformed.path / image));
  Issues issues;
  CHECK(read_dataset(deformed.path.string() + ":train", {}, nullptr, issues).images.size() == 8);
  CHECK(issues.empty());
}

TEST_CASE("objects have the lengths that were asked for, each octave as often") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path,
                   .images = 40,
                   .width = 512,
                   .height = 384,
                   .max_objects = 8,
                   .min_object = 8,
                   .max_object = 128});
  int octaves[4] = {};
  for (const auto& image : open_dataset(folder.path.string() + ":train").images)
    for (const auto& object : image.objects) {
      const double length = std::max(object.box.width(), object.box.height());
      CHECK(length < 1.5 * 128);
      ++octaves[std::clamp(static_cast<int>(std::log2(length / 8)), 0, 3)];
    }
  for (const int count : octaves) CHECK(count > 10);
}

TEST_CASE("invalid synthetic options are rejected") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(write_synthetic({.out = folder.path, .min_object = 100, .max_object = 50}),
                    ContainsSubstring("max_object: expected at least min_object, 100, got 50"));
  CHECK_THROWS_WITH(write_synthetic({.out = folder.path, .images = 1}),
                    ContainsSubstring("images: expected 2 to"));
  CHECK_THROWS_WITH(write_synthetic({.out = folder.path, .width = 10}),
                    ContainsSubstring("width: expected 64 to 8192, got 10"));
}
