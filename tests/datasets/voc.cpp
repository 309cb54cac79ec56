#include "lanner/datasets/voc.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("a VOC folder is read with pixels from 0, whatever the order of its elements") {
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

TEST_CASE("what is written as VOC is read back the same") {
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

TEST_CASE("every fault of a VOC folder is found in one pass, with file and field") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("cat", "ten", "1", "20", "20") +
                                    voc_object("cat", "5", "5", "5", "9") +
                                    voc_object("cat", "50", "5", "130", "90") +
                                    voc_object("cat", "300", "5", "310", "9") +
                                    "<object><name>cat</name></object>");
  write(folder.path / "Annotations/b.xml", "<annotation><object>");
  write(folder.path / "ImageSets/Main/train.txt", "a\nb\nc\n");
  Faults faults;
  const auto dataset = read_dataset(folder.path.string() + ":train", {}, nullptr, faults);
  REQUIRE(faults.size() == 7);
  CHECK_THAT(faults[0].text(),
             ContainsSubstring("a.xml: object[0].bndbox.xmin: expected a number, got \"ten\""));
  CHECK_THAT(faults[1].text(), ContainsSubstring("object[1].bndbox: a box without area"));
  CHECK(faults[1].action == Fault::Action::drop);
  CHECK_THAT(faults[2].text(),
             ContainsSubstring("object[2].bndbox: reaches outside the image of 100 x 80"));
  CHECK(faults[2].action == Fault::Action::clip);
  CHECK(faults[3].action == Fault::Action::drop);
  CHECK_THAT(faults[4].text(), ContainsSubstring("object[4].bndbox: missing"));
  CHECK_THAT(faults[5].text(), ContainsSubstring("b.xml: XML:"));
  CHECK_THAT(faults[6].text(), ContainsSubstring("c.xml: XML: no such file"));
  REQUIRE(dataset.images[0].objects.size() == 1);  // the clipped one
  CHECK(dataset.images[0].objects[0].box.x2 == 100);
}

TEST_CASE("a category that the model does not know is refused by name") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("yeti", "1", "1", "9", "9"));
  const std::vector<Category> known{{1, "cat"}};
  CHECK_THROWS_WITH(open_dataset(folder.path.string() + ":train", {}, &known),
                    ContainsSubstring("object[0].name: unknown category \"yeti\""));
}

TEST_CASE("missing folders and splits are named") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(open_dataset("/nowhere"),
                    ContainsSubstring("/nowhere: no such file or folder"));
  CHECK_THROWS_WITH(open_dataset(folder.path.string()), ContainsSubstring("no Annotations folder"));
  write_voc_folder(folder.path, "");
  CHECK_THROWS_WITH(open_dataset(folder.path.string() + ":test"),
                    ContainsSubstring("test.txt: no such split"));
}
