#include "lanner/datasets/evaluation/voc_results.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

CocoFile truth() {
  CocoFile coco;
  coco.categories = {{3, "car"}, {8, "side_car"}};
  coco.images = {{11, "one.jpg", 100, 100}, {12, "folder/two.png", 100, 100}};
  return coco;
}

}  // namespace

TEST_CASE("VOC result files round-trip, with pixel coordinates from 1") {
  const TemporaryFolder folder;
  write_voc_results(folder.path, truth(),
                    {{11, 3, {0, 4, 10, 20.5}, 0.75}, {12, 8, {1.25, 2, 3, 4}, 0.5}});
  CHECK(read(folder.path / "comp4_det_test_car.txt") == "one 0.75 1 5 11 25.5\n");
  const auto detections = read_voc_results(folder.path, truth());
  REQUIRE(detections.size() == 2);
  CHECK(detections[1].image_id == 12);
  CHECK(detections[1].category_id == 8);  // not car, with which the file name also ends
  CHECK(detections[1].bbox.x == 1.25);
  CHECK(detections[1].bbox.height == 4);
}

TEST_CASE("malformed result lines and files are named; unknown images are ignored") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(read_voc_results(folder.path, truth()), ContainsSubstring("no .txt file"));
  write(folder.path / "car.txt", "two 0.5 1 1 2 2\n\nthree 0.5 1 1 2 2\n");
  CHECK(read_voc_results(folder.path, truth()).size() == 1);
  write(folder.path / "car.txt", "two 0.5 1 1 2 2\ntwo 0.5 1 wide 2 2\n");
  CHECK_THROWS_WITH(read_voc_results(folder.path, truth()),
                    ContainsSubstring("car.txt: line 2: expected image score x1 y1 x2 y2, got"));
  write(folder.path / "cat.txt", "");
  fs::remove(folder.path / "car.txt");
  CHECK_THROWS_WITH(read_voc_results(folder.path, truth()),
                    ContainsSubstring("cat.txt: name: does not end with a category"));
}
