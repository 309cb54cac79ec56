#include "lanner/datasets/reading/coco.h"

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("a COCO file keeps its category ids and may give sizes as strings") {
  const TemporaryFolder folder;
  write(folder.path / "gt.json",
        coco_text(
            R"({"id": 1, "image_id": 3, "category_id": 9, "bbox": [10, 20, 30, 40], "iscrowd": 1,
                      "area": 7, "segmentation": [[1, 2, 3]]})",
            R"([{"id": 9, "name": "dog"}, {"id": 4, "name": "cat"}])"));
  const auto dataset = open_dataset((folder.path / "gt.json").string());
  CHECK(dataset.categories[0].id == 4);
  const auto& image = dataset.images[0];
  CHECK(image.height == 80);
  REQUIRE(image.objects.size() == 1);
  CHECK(image.objects[0].label == 2);
  CHECK(image.objects[0].crowd);
  CHECK(image.objects[0].area == 7);
  CHECK(image.objects[0].box.x2 == 40);
}

TEST_CASE("categories with the same name keep different ids") {
  const TemporaryFolder folder;
  write(folder.path / "gt.json",
        coco_text(R"({"image_id": 3, "category_id": 2, "bbox": [1, 2, 3, 4]})",
                  R"([{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}])"));
  const auto dataset = open_dataset((folder.path / "gt.json").string());
  CHECK(to_coco(dataset).annotations[0].category_id == 2);
}

TEST_CASE("labels follow the names of a known list regardless of the ids in the file") {
  const TemporaryFolder folder;
  write(folder.path / "gt.json",
        coco_text(R"({"image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4]})",
                  R"([{"id": 1, "name": "dog"}])"));
  const std::vector<Category> known{{5, "cat"}, {6, "dog"}};
  const auto dataset = open_dataset((folder.path / "gt.json").string(), {}, &known);
  CHECK(dataset.images[0].objects[0].label == 2);
  CHECK(to_coco(dataset).annotations[0].category_id == 6);
}

TEST_CASE("all issues of a COCO file are reported in one pass with their fields") {
  const TemporaryFolder folder;
  write(folder.path / "gt.json",
        coco_text(R"({"id": 1, "image_id": 3, "category_id": 8, "bbox": [1, 2, 3, 4]},
                     {"id": 2, "image_id": 99, "category_id": 7, "bbox": [1, 2, 3, 4]},
                     {"id": 3, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3]},
                     {"id": 4, "image_id": 3, "category_id": 7, "bbox": [1, 2, "wide", 4]},
                     {"id": 5, "image_id": 3, "bbox": [1, 2, 3, 4]},
                     {"id": 6, "image_id": 3, "category_id": 7, "bbox": [1, 2, 0, 4]},
                     [])"));
  Issues issues;
  read_dataset((folder.path / "gt.json").string(), {}, nullptr, issues);
  REQUIRE(issues.size() == 7);
  std::string texts;
  for (const auto& issue : issues) texts += issue.text() + "\n";
  for (const char* text :
       {"annotations[0].category_id: unknown category 8",
        "annotations[1].image_id: unknown image 99",
        "annotations[2].bbox: expected [x, y, width, height], got [1,2,3]",
        "annotations[3].bbox: expected a number, got \"wide\"",
        "annotations[4].category_id: missing", "annotations[6]: expected an object"})
    CHECK_THAT(texts, ContainsSubstring(text));
  CHECK(issues[6].action == Issue::Action::drop);
}

TEST_CASE("invalid JSON and image paths outside the folder are rejected") {
  const TemporaryFolder folder;
  write(folder.path / "bad.json", "{\"images\": [");
  CHECK_THROWS_WITH(open_dataset((folder.path / "bad.json").string()),
                    ContainsSubstring("bad.json: JSON:"));
  write(
      folder.path / "out.json",
      R"({"images": [{"id": 1, "file_name": "../../etc/x.jpg"}], "annotations": [], "categories": []})");
  CHECK_THROWS_WITH(open_dataset((folder.path / "out.json").string()),
                    ContainsSubstring("images[0].file_name: leaves the image folder"));
}

TEST_CASE("read_detections names the malformed detection") {
  const TemporaryFolder folder;
  write(folder.path / "dt.json",
        R"([{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}])");
  CHECK(read_detections(folder.path / "dt.json")[0].score == 0.5);
  write(folder.path / "dt.json", R"([{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}])");
  CHECK_THROWS_WITH(read_detections(folder.path / "dt.json"),
                    ContainsSubstring("detections[0].score: missing"));
  write(folder.path / "dt.json", "{}");
  CHECK_THROWS_WITH(read_detections(folder.path / "dt.json"),
                    ContainsSubstring("expected a list of detections"));
}

TEST_CASE("write_file names the file that it cannot write") {
  CHECK_THROWS_WITH(write_file("/proc/nowhere/x.json", "{}"),
                    ContainsSubstring("/proc/nowhere/x.json: cannot be written"));
}

TEST_CASE("annotations with the same id are reported and kept; lists may be in any order") {
  const TemporaryFolder folder;
  write(folder.path / "gt.json",
        R"({"annotations": [{"id": 5, "image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 4]},
                            {"id": 5, "image_id": 0, "category_id": 0, "bbox": [2, 2, 3, 4]}],
            "categories": [{"id": 0, "name": "cat"}], "images": [{"id": 0, "file_name": "a.jpg"}]})");
  Issues issues;
  const auto coco = read_coco(folder.path / "gt.json", issues);
  CHECK(coco.annotations.size() == 2);
  REQUIRE(issues.size() == 1);
  CHECK(issues[0].action == Issue::Action::renumber);
  CHECK_THAT(issues[0].text(), ContainsSubstring("annotations[1].id: used twice: 5"));
}
