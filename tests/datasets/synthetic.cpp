#include "lanner/datasets/synthetic.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("a seed draws the same files, another seed others") {
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

TEST_CASE("the VOC and COCO forms say the same, and without faults") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path, .images = 10});
  for (const std::string split : {"train", "val"}) {
    Faults faults;
    const auto voc = read_dataset(folder.path.string() + ":" + split, {}, nullptr, faults);
    const auto coco =
        read_dataset((folder.path / "annotations" / ("instances_" + split + ".json")).string(), {},
                     nullptr, faults);
    CHECK(faults.empty());
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

TEST_CASE("deformed scenes differ from plain ones, and are as exact") {
  const TemporaryFolder plain, bent;
  write_synthetic({.out = plain.path, .images = 10});
  write_synthetic({.out = bent.path, .images = 10, .deformation = 1});
  const char* image = "JPEGImages/scene_00002.jpg";
  CHECK(read(plain.path / image) != read(bent.path / image));
  Faults faults;
  CHECK(read_dataset(bent.path.string() + ":train", {}, nullptr, faults).images.size() == 8);
  CHECK(faults.empty());
}

TEST_CASE("sizes that make no sense are refused") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(write_synthetic({.out = folder.path, .images = 1}),
                    ContainsSubstring("images: expected at least 2"));
  CHECK_THROWS_WITH(write_synthetic({.out = folder.path, .width = 10}),
                    ContainsSubstring("size: expected at least 64 x 64"));
}
