#include "lanner/datasets/reading/yolo.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// One image "a" of 200 x 100 in ROOT/train/images.
void write_yolo_folder(const fs::path& root, const std::string& labels) {
  write_plain_image(root / "train/images/a.jpg", 200, 100);
  write(root / "train/labels/a.txt", labels);
}

}  // namespace

TEST_CASE("both YOLO folder layouts are read, with boxes in pixels") {
  const TemporaryFolder folder;
  write_yolo_folder(folder.path, "1 0.5 0.5 0.2 0.4\r\n\n0 0.05 0.1 0.1 0.2\n");
  write(folder.path / "data.yaml", "nc: 2\nnames: ['a cat', dog]\n");
  const auto dataset = open_dataset(folder.path.string() + ":train");
  REQUIRE(dataset.categories.size() == 2);
  CHECK(dataset.categories[0].name == "a cat");
  const auto& objects = dataset.images.at(0).objects;
  REQUIRE(objects.size() == 2);
  CHECK(objects[0].label == 2);
  CHECK(objects[0].box.x1 == Approx(80));
  CHECK(objects[0].box.y2 == Approx(70));
  CHECK(open_dataset((folder.path / "train").string()).images.size() == 1);

  fs::create_directories(folder.path / "images");
  fs::create_directories(folder.path / "labels");
  fs::rename(folder.path / "train/images", folder.path / "images/val");
  fs::rename(folder.path / "train/labels", folder.path / "labels/val");
  write(folder.path / "data.yaml", "names:\n  0: cat\n  1: dog\n");
  CHECK(open_dataset(folder.path.string() + ":val").categories[1].name == "dog");
  fs::remove(folder.path / "labels/val/a.txt");  // an image without objects
  CHECK(open_dataset(folder.path.string() + ":val").images[0].objects.empty());
}

TEST_CASE("YOLO classes without names are numbered; known classes are matched by name") {
  const TemporaryFolder folder;
  write_yolo_folder(folder.path, "2 0.5 0.5 0.2 0.4\n");
  const auto numbered = open_dataset(folder.path.string() + ":train");
  CHECK(numbered.categories.size() == 3);
  CHECK(numbered.categories[2].name == "2");
  write(folder.path / "classes.txt", "cat\ndog\nowl\n");
  const std::vector<Category> known{{9, "owl"}};
  CHECK(open_dataset(folder.path.string() + ":train", {}, &known).images[0].objects[0].label == 1);
}

TEST_CASE("all issues of a YOLO folder are reported in one pass with file and line") {
  const TemporaryFolder folder;
  write_yolo_folder(folder.path,
                    "0 0.5 0.5 0.2\n0 0.5 0.5 wide 0.4\n-1 0.5 0.5 0.2 0.4\n7 0.5 0.5 0.2 0.4\n"
                    "0 0.5 0.5 0 0.4\n0 0.9 0.5 0.4 0.4\n0 .1 .1 .1 .1 .1\n0.5 .5 .5 .2 .2\n"
                    "0 100 40 20 30\n");
  write(folder.path / "classes.txt", "cat\n");
  write(folder.path / "train/images/b.jpg", "no image");
  Issues issues;
  const auto dataset = read_dataset(folder.path.string() + ":train", {}, nullptr, issues);
  CHECK(dataset.images.size() == 2);
  CHECK(dataset.images[0].objects.size() == 1);
  std::string texts;
  for (const auto& issue : issues) texts += issue.text() + "\n";
  for (const char* text :
       {"a.txt: line 1: expected class x y width height, or class and the points of a polygon, "
        "got \"0 0.5 0.5 0.2\"",
        "a.txt: line 2: expected", "a.txt: line 3: expected", "a.txt: line 4: unknown class 7",
        "a.txt: line 5: box without area", "a.txt: line 6: extends outside the image",
        "a.txt: line 7: expected", "a.txt: line 8: expected",
        "a.txt: line 9: expected fractions of the image's sides, got pixels: [90, 25, 110, 55]",
        "b.jpg: image: "})
    CHECK_THAT(texts, ContainsSubstring(text));
  CHECK(issues.size() == 10);
  write(folder.path / "data.yaml", "names: [a, b");
  CHECK_THROWS_WITH(read_dataset(folder.path.string() + ":train", {}, nullptr, issues),
                    ContainsSubstring("data.yaml: YAML: "));
}
