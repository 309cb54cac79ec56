#include "lanner/datasets/checking/check.h"

#include "lanner/datasets/checking/duplicates.h"
#include "lanner/datasets/images/image.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("check_data counts objects and finds issues in annotations and images") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path,
                   voc_object("cat", "1", "1", "9", "9") + voc_object("cat", "5", "5", "5", "9"));
  CHECK(check_data({.data = folder.path.string(), .show = folder.path / "show"}).usable());
  CHECK(fs::exists(folder.path / "show/contact_sheet.png"));
  write(folder.path / "JPEGImages/a.jpg", "not an image");
  const auto report = check_data({.data = folder.path.string()});
  CHECK(report.images == 1);
  CHECK(report.objects_per_class[0].second == 1);
  CHECK_FALSE(report.usable());
  CHECK_THAT(to_text(report), ContainsSubstring("2 issues: 1 dropped, 1 rejected"));
  CHECK_THAT(to_text(report), ContainsSubstring("a.jpg: image: not an image"));
  CHECK_THAT(to_text(report), ContainsSubstring(": dropped"));
}

TEST_CASE("check_data finds the two boxes without area in BCCD and nothing else") {
  const auto data = shared_data("bccd");
  if (!data) return;
  size_t issues = 0;
  for (const std::string split : {"train", "val", "test"}) {
    const auto report = check_data({.data = data->string() + ":" + split});
    CHECK(report.usable());
    for (const auto& issue : report.issues)
      CHECK_THAT(issue.message, ContainsSubstring("box without area"));
    issues += report.issues.size();
  }
  CHECK(issues == 2);
}

TEST_CASE("check_data reports repeated boxes and identical images") {
  const TemporaryFolder folder;
  const auto cat = voc_object("cat", "1", "1", "9", "9");
  write_voc_folder(folder.path, cat + voc_object("dog", "1", "1", "9", "9") + cat);
  for (const char* name : {"b", "c"}) {
    fs::copy(folder.path / "JPEGImages/a.jpg",
             folder.path / "JPEGImages" / (name + std::string(".jpg")));
    write(folder.path / "Annotations" / (name + std::string(".xml")), "<annotation></annotation>");
  }
  write(folder.path / "ImageSets/Main/train.txt", "a\nb\n");
  write(folder.path / "ImageSets/Main/val.txt", "c\n");
  const auto at = [&](const std::string& split) { return folder.path.string() + ":" + split; };
  const auto report = check_data({.data = at("train"), .against = {at("val")}});
  REQUIRE(report.issues.size() == 3);
  CHECK_THAT(report.issues[0].text(), ContainsSubstring("box: annotated twice: cat [0, 0, 8, 8]"));
  CHECK(report.objects == 2);
  CHECK_THAT(report.issues[1].text(), ContainsSubstring("b.jpg: image: identical to"));
  CHECK_THAT(report.issues[2].text(), ContainsSubstring("c.jpg of " + at("val")));
  CHECK(report.usable());
  CHECK_THAT(to_json(report), ContainsSubstring("\"kept\": 2"));
}

TEST_CASE("find_augmented_copies recognizes augmented copies of a photo by their names") {
  // Roboflow names augmented copies NAME.rf.HASH.jpg.
  const std::string hash(32, 'a');
  Split split{"train", {}}, other{"val", {}};
  for (const auto* name : {"x_jpg.rf.", "x_jpg.rf.", "y_jpg.rf."})
    split.dataset.images.push_back({1, "train/" + (name + hash) + ".jpg", 0, 0, {}});
  other.dataset.images.push_back({1, "val/y_jpg.rf." + hash + ".jpg", 0, 0, {}});
  other.dataset.images.push_back({1, "val/z.jpg", 0, 0, {}});
  Issues issues;
  find_augmented_copies(split, {other}, issues);
  REQUIRE(issues.size() == 2);
  CHECK_THAT(issues[0].message,
             ContainsSubstring("one of 2 augmented copies of the photo \"x_jpg\""));
  CHECK_THAT(issues[1].message, ContainsSubstring("as val/y_jpg"));
}

TEST_CASE("check_data explains sizes that were annotated before applying EXIF orientation") {
  const auto nasty = shared_data("nasty");
  if (!nasty) return;
  const TemporaryFolder folder;
  fs::create_directories(folder.path / "JPEGImages");
  write_voc_folder(folder.path, voc_object("cat", "1", "1", "9", "9"));
  fs::copy_file(*nasty / "exif/Landscape_6.jpg", folder.path / "JPEGImages/a.jpg",
                fs::copy_options::overwrite_existing);
  const auto size = image_size(folder.path / "JPEGImages/a.jpg");
  write(folder.path / "Annotations/a.xml",
        "<annotation><size><width>" + std::to_string(size.height) + "</width><height>" +
            std::to_string(size.width) + "</height></size></annotation>");
  const auto report = check_data({.data = folder.path.string() + ":train"});
  REQUIRE(report.issues.size() == 1);
  CHECK_THAT(report.issues[0].text(), ContainsSubstring("after applying EXIF orientation 6"));
}

TEST_CASE("measure_boxes suggests anchors for the resized boxes") {
  Dataset dataset{{{1, "cat"}}, {{1, "a", 200, 100, {}}}};
  for (const double side : {10., 10., 40., 40.})
    dataset.images[0].objects.push_back({{0, 0, side, 2 * side}, 1, 0, false, false});
  const auto boxes = measure_boxes(dataset, {.min_size = 200, .max_size = 400});
  CHECK(boxes.side[0] == Approx(std::sqrt(200)));
  CHECK(boxes.suggested.sizes.front() == std::round(2 * std::sqrt(200)));
  CHECK(boxes.suggested.sizes.back() == std::round(2 * std::sqrt(3200)));
  CHECK(boxes.suggested.ratios.front() == 2);
  CHECK(boxes.suggested.mean_iou > 0.9);
  CHECK(boxes.areas == std::array<int64_t, 3>{2, 2, 0});
  CHECK(measure_boxes({}, {}).sides.empty());
}
