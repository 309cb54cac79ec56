#include "lanner/datasets/reading/voc.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("VOC pixel coordinates start at 0 after reading, regardless of element order") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("dog", "11", "21.5", "51", "61") +
                                    voc_object("cat", "1", "1", "100", "80"));
  const auto dataset = open_dataset(folder.path.string() + ":train");
  REQUIRE(dataset.images.size() == 1);
  REQUIRE(dataset.categories.size() == 2);
  CHECK(dataset.categories[0].name == "cat");
  const auto& dog = dataset.images[0].objects[0];
  CHECK(dog.label == 2);
  CHECK(dog.box.x1 == 10);
  CHECK(dog.box.y1 == 20.5);
  CHECK(dog.box.x2 == 50);
}

TEST_CASE("write_voc and read_voc round-trip") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, "");
  ImageRecord image{1, folder.path / "JPEGImages/a.jpg", 100, 80, {}};
  image.objects.push_back({{3, 4.5, 50, 60}, 1, 0, false, true});
  write_voc(folder.path / "Annotations/a.xml", image, {{1, "x & y"}});
  const auto dataset = open_dataset(folder.path.string());
  CHECK(dataset.categories[0].name == "x & y");
  const auto& object = dataset.images[0].objects[0];
  CHECK(object.difficult);
  CHECK(object.box.x1 == 3);
  CHECK(object.box.y1 == 4.5);
  CHECK(object.box.x2 == 50);
}

TEST_CASE("all issues of a VOC folder are reported in one pass with file and field") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("cat", "ten", "1", "20", "20") +
                                    voc_object("cat", "5", "5", "5", "9") +
                                    voc_object("cat", "50", "5", "130", "90") +
                                    voc_object("cat", "300", "5", "310", "9") +
                                    "<object><name>cat</name></object>");
  write(folder.path / "Annotations/b.xml", "<annotation><object>");
  write(folder.path / "ImageSets/Main/train.txt", "a\nb\nc\n");
  Issues issues;
  const auto dataset = read_dataset(folder.path.string() + ":train", {}, nullptr, issues);
  REQUIRE(issues.size() == 7);
  const auto outcome_of = [&](const std::string& text) {
    for (const auto& issue : issues)
      if (issue.text().find(text) != std::string::npos) return std::string(issue.outcome());
    return "no such issue: " + text;
  };
  CHECK(outcome_of("a.xml: object[0].bndbox.xmin: expected a number, got \"ten\"") == "rejected");
  CHECK(outcome_of("object[1].bndbox: box without area") == "dropped");
  CHECK(outcome_of("object[2].bndbox: extends outside the image of 100 x 80") == "clipped");
  CHECK(outcome_of("object[3].bndbox: extends outside") == "dropped");
  CHECK(outcome_of("object[4].bndbox: missing") == "rejected");
  CHECK(outcome_of("b.xml: XML:") == "rejected");
  CHECK(outcome_of("c.xml: XML: no such file") == "rejected");
  REQUIRE(dataset.images[0].objects.size() == 1);  // the clipped one
  CHECK(dataset.images[0].objects[0].box.x2 == 100);
}

TEST_CASE("a category that is not among the known ones is rejected") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("yeti", "1", "1", "9", "9"));
  const std::vector<Category> known{{1, "cat"}};
  CHECK_THROWS_WITH(open_dataset(folder.path.string() + ":train", {}, &known),
                    ContainsSubstring("object[0].name: unknown category \"yeti\""));
}

TEST_CASE("errors name missing folders and splits") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(open_dataset("/nowhere"),
                    ContainsSubstring("/nowhere: no such file or folder"));
  CHECK_THROWS_WITH(open_dataset(folder.path.string()),
                    ContainsSubstring("no annotations: expected a COCO .json file"));
  write_voc_folder(folder.path, "");
  CHECK_THROWS_WITH(open_dataset(folder.path.string() + ":test"),
                    ContainsSubstring("test.txt: no such split"));
}

TEST_CASE("the ImageNet folder layout is read") {
  const TemporaryFolder folder;
  const std::string name = "ILSVRC2013_val/n01_1";
  write_voc_folder(folder.path, "");
  fs::create_directories(folder.path / "Annotations/DET/val/ILSVRC2013_val");
  fs::create_directories(folder.path / "Data/DET/val/ILSVRC2013_val");
  fs::create_directories(folder.path / "ImageSets/DET");
  fs::rename(folder.path / "JPEGImages/a.jpg", folder.path / ("Data/DET/val/" + name + ".JPEG"));
  write(folder.path / ("Annotations/DET/val/" + name + ".xml"),
        "<annotation><filename>n01_1</filename><size><width>100</width><height>80</height></size>"
        "<object><name>n01440764</name><bndbox><xmin>11</xmin><xmax>51</xmax><ymin>21</ymin>"
        "<ymax>61</ymax></bndbox></object></annotation>");
  write(folder.path / "ImageSets/DET/val.txt", name + " 1\n");
  const auto dataset = open_dataset(folder.path.string() + ":DET/val");
  REQUIRE(dataset.images.size() == 1);
  CHECK(dataset.categories[0].name == "n01440764");
  const Box& box = dataset.images[0].objects.at(0).box;
  CHECK((box.x1 == 10 && box.x2 == 50 && box.y1 == 20 && box.y2 == 60));
}

TEST_CASE("annotations beside their images are read from a folder or the folder of a split") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("cat", "1", "1", "9", "9"));
  fs::create_directories(folder.path / "flat/train");
  for (const auto* file : {"JPEGImages/a.jpg", "Annotations/a.xml"})
    fs::copy(folder.path / file, folder.path / "flat/train");
  for (const auto* data : {"flat/train", "flat:train"})
    CHECK(open_dataset((folder.path / data).string()).images.size() == 1);
}

TEST_CASE("a split list with paths outside the data set is rejected") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, "");
  write(folder.path / "ImageSets/Main/train.txt", "../a\n");
  CHECK_THROWS_WITH(open_dataset(folder.path.string() + ":train"),
                    ContainsSubstring("train.txt: name: leaves its folder: \"../a\""));
}
