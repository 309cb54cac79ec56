#include "lanner/datasets/evaluation/voc_results.h"

#include "lanner/datasets/error.h"
#include "lanner/datasets/evaluation/unknown_results.h"
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

TEST_CASE("VOC results of two categories of one name are refused, not overwritten") {
  const TemporaryFolder folder;
  auto coco = truth();
  coco.categories[1].name = "car";
  CHECK_THROWS_WITH(write_voc_results(folder.path, coco, {}),
                    ContainsSubstring("two categories are called \"car\""));
}

TEST_CASE("malformed result lines and files are named; unknown images are marked") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(read_voc_results(folder.path, truth()), ContainsSubstring("no .txt file"));
  write(folder.path / "car.txt", "two 0.5 1 1 2 2\n\nthree 0.5 1 1 2 2\n");
  const auto read_back = read_voc_results(folder.path, truth());
  REQUIRE(read_back.size() == 2);
  CHECK(read_back[0].image_id == 12);
  CHECK(read_back[1].image_id == kUnknownImage);
  const auto unknown = count_unknown(truth(), read_back);
  CHECK((unknown.images == 1 && unknown.categories == 0));
  write(folder.path / "car.txt", "two 0.5 1 1 2 2\ntwo 0.5 1 wide 2 2\n");
  CHECK_THROWS_WITH(read_voc_results(folder.path, truth()),
                    ContainsSubstring("car.txt: line 2: expected image score x1 y1 x2 y2, got"));
  write(folder.path / "cat.txt", "");
  fs::remove(folder.path / "car.txt");
  CHECK_THROWS_WITH(read_voc_results(folder.path, truth()),
                    ContainsSubstring("cat.txt: name: does not end with a category"));
}

TEST_CASE("images of one stem stay two in VOC result files, and names may hold spaces") {
  const TemporaryFolder folder;
  CocoFile coco;
  coco.categories = {{1, "cat"}};
  coco.images = {{1, "cam1/a.png", 9, 9},
                 {2, "cam2/a.png", 9, 9},
                 {3, "my photo 7.jpg", 9, 9},
                 {4, "b.jpg", 9, 9},
                 {5, "b.png", 9, 9}};
  std::vector<CocoDetection> detections;
  for (int64_t id = 1; id <= 5; ++id) detections.push_back({id, 1, {1, 2, 3, 4}, 0.5});
  write_voc_results(folder.path, coco, detections);
  CHECK(read(folder.path / "comp4_det_test_cat.txt") ==
        "cam1/a 0.5 2 3 5 7\ncam2/a 0.5 2 3 5 7\nmy photo 7 0.5 2 3 5 7\n"
        "b.jpg 0.5 2 3 5 7\nb.png 0.5 2 3 5 7\n");
  const auto result = read_voc_results(folder.path, coco);
  REQUIRE(result.size() == 5);
  for (size_t i = 0; i < 5; ++i) CHECK(result[i].image_id == static_cast<int64_t>(i) + 1);
}
