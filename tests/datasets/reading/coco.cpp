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

namespace {

// The issues of a COCO file beside a.jpg (100 x 80), one per line, and its data set.
std::string issues_of(const TemporaryFolder& folder, const std::string& text, Dataset& dataset) {
  write_plain_image(folder.path / "a.jpg", 100, 80);
  write(folder.path / "gt.json", text);
  Issues issues;
  dataset = read_dataset((folder.path / "gt.json").string(), {}, nullptr, issues);
  std::string texts;
  for (const auto& issue : issues) texts += issue.field + ": " + issue.message + "\n";
  return texts;
}

std::string one_image(const std::string& image, const std::string& annotation) {
  return R"({"images": [)" + image + R"(], "annotations": [)" + annotation +
         R"(], "categories": [{"id": 1, "name": "cat"}]})";
}

}  // namespace

TEST_CASE("COCO ids are integers of 64 bits or text, in any spelling") {
  const TemporaryFolder folder;
  Dataset dataset;
  for (const char* id :
       {"0", "-7", "9223372036854775807", "3.0", "\"12\"", "\"a/b c.png\"", "\"007\"", "1e3"}) {
    CAPTURE(id);
    CHECK(issues_of(folder,
                    one_image(std::string(R"({"id": )") + id + R"(, "file_name": "a.jpg"})",
                              std::string(R"({"image_id": )") + id +
                                  R"(, "category_id": 1, "bbox": [1, 2, 3, 4]})"),
                    dataset) == "");
    CHECK(dataset.images.at(0).objects.size() == 1);
  }
  for (const char* id : {"9223372036854775808", "3.5", "null", "[1]", "true", "1e30"}) {
    CAPTURE(id);
    CHECK_THAT(
        issues_of(folder,
                  one_image(std::string(R"({"id": )") + id + R"(, "file_name": "a.jpg"})", ""),
                  dataset),
        ContainsSubstring("images[0].id: expected an integer, got "));
  }
  CHECK_THAT(issues_of(folder,
                       one_image(R"({"id": 1, "file_name": "a.jpg"},
                                            {"id": "1", "file_name": "b.jpg"})",
                                 ""),
                       dataset),
             ContainsSubstring("images[1].id: used twice: 1"));
}

TEST_CASE("COCO sizes that are absent, 0 or null are read from the images") {
  const TemporaryFolder folder;
  Dataset dataset;
  for (const char* size : {"", R"(, "width": 0, "height": 0)", R"(, "width": null)",
                           R"(, "width": 100)", R"(, "width": "0", "height": "80")"}) {
    CAPTURE(size);
    const auto issues = issues_of(
        folder,
        one_image(std::string(R"({"id": 1, "file_name": "a.jpg")") + size + "}",
                  R"({"id": 5, "image_id": 1, "category_id": 1, "bbox": [90, 2, 30, 4]})"),
        dataset);
    CHECK(issues == "annotation 5.bbox: extends outside the image of 100 x 80: [90, 2, 120, 6]\n");
    CHECK(dataset.images.at(0).objects.at(0).box.x2 == 100);
  }
  CHECK_THAT(issues_of(folder, one_image(R"({"id": 1, "file_name": "gone.jpg"})", ""), dataset),
             ContainsSubstring("image 1: no width and height, and ") &&
                 ContainsSubstring("gone.jpg: no such file"));
}

TEST_CASE("an image whose file name is refused still counts in evaluation") {
  const TemporaryFolder folder;
  write(folder.path / "gt.json",
        R"({"images": [{"id": 1, "file_name": "/data/a.jpg", "width": 9, "height": 9}, {"id": 2}],
            "categories": [{"id": 1, "name": "cat"}], "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]})");
  Issues issues;
  const auto coco = read_coco(folder.path / "gt.json", issues);
  CHECK(coco.images.size() == 2);
  CHECK(coco.annotations.size() == 1);
  REQUIRE(issues.size() == 2);
  CHECK(issues[0].field == "images[0].file_name");
  CHECK(issues[1].text().ends_with("images[1].file_name: missing"));
  CHECK(read_dataset((folder.path / "gt.json").string(), {}, nullptr, issues).images.empty());
}

TEST_CASE("numbers that JSON lacks are named with their field") {
  const TemporaryFolder folder;
  Dataset dataset;
  const std::string image = R"({"id": 1, "file_name": "a.jpg", "width": 100, "height": 80})";
  for (const auto& [annotation, field] : std::vector<std::pair<std::string, std::string>>{
           {R"({"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, NaN, 4]})", "bbox"},
           {R"({"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, -Infinity]})", "bbox"},
           {R"({"area": NaN, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]})", "area"},
           {R"({"segmentation": [[1, Infinity]], "image_id": 1, "category_id": 1,
                "bbox": [1, 2, 3, 4]})",
            "segmentation"},
           {R"({"note": "NaN: \"x\"", "score": NaN, "image_id": 1, "category_id": 1,
                "bbox": [1, 2, 3, 4]})",
            "score"}}) {
    CAPTURE(annotation);
    CHECK(issues_of(folder, one_image(image, annotation), dataset) ==
          "annotations[0]." + field +
              ": expected numbers, got NaN or Infinity, which JSON lacks\n");
  }
}

TEST_CASE("COCO paths are found from any system, and stay inside") {
  const TemporaryFolder folder;
  Dataset dataset;
  write_plain_image(folder.path / "sub dir/b.jpg", 100, 80);
  for (const char* name : {"a.jpg", "./a.jpg", "sub dir/b.jpg", R"(sub dir\\b.jpg)",
                           R"(.\\sub dir\\b.jpg)", "sub dir//b.jpg"}) {
    CAPTURE(name);
    CHECK(issues_of(folder,
                    one_image(std::string(R"({"id": 1, "file_name": ")") + name + R"("})", ""),
                    dataset) == "");
    CHECK(dataset.images.at(0).width == 100);
  }
  for (const char* name : {"/etc/a.jpg", "../a.jpg", R"(..\\a.jpg)", "sub dir/../../a.jpg"}) {
    CAPTURE(name);
    CHECK_THAT(issues_of(folder,
                         one_image(std::string(R"({"id": 1, "file_name": ")") + name + R"("})",
                                   R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]})"),
                         dataset),
               ContainsSubstring("images[0].file_name: leaves the image folder"));
  }
}

TEST_CASE("COCO files are found in every usual layout") {
  const TemporaryFolder folder;
  struct Layout {
    std::string root, file, image, split;
  };
  for (const auto& [root, file, image, split] : std::vector<Layout>{
           {"a", "train/_annotations.coco.json", "train/a.jpg", "train"},
           {"b", "valid/_annotations.coco.json", "valid/a.jpg", "validation"},
           {"c", "annotations/instances_val2017.json", "val2017/a.jpg", "val"},
           {"d", "annotations/instances_default.json", "images/a.jpg", ""},
           {"e", "annotations/train.json", "train/a.jpg", "train"},
           {"f", "train.json", "images/a.jpg", "train"},
           {"g", "result.json", "images/a.jpg", ""},
           {"h", "labels_train.json", "a.jpg", "train"},
           {"i", "train/annotations.json", "train/images/a.jpg", "train"},
           {"j", "annotations/instances_train2014.json", "images/train2014/a.jpg", "train2014"}}) {
    CAPTURE(root);
    write_plain_image(folder.path / root / image, 100, 80);
    write(folder.path / root / file,
          one_image(R"({"id": 1, "file_name": "a.jpg"})",
                    R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]})"));
    const auto dataset =
        open_dataset((folder.path / root).string() + (split.empty() ? "" : ":" + split));
    CHECK(dataset.images.at(0).objects.size() == 1);
  }
  write(folder.path / "f/my_train.json", "{\"images\": []}");
  CHECK_THROWS_WITH(open_dataset((folder.path / "f:train").string()),
                    ContainsSubstring("is also named after \"train\"; name the file instead"));
}
