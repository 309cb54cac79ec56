#include "lanner/datasets/converting/convert.h"

#include "lanner/datasets/converting/split_groups.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/coco.h"
#include "lanner/datasets/reading/voc.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

void check_same_boxes(const Dataset& a, const Dataset& b, double margin) {
  REQUIRE(a.images.size() == b.images.size());
  for (size_t i = 0; i < a.images.size(); ++i) {
    CAPTURE(a.images[i].path, b.images[i].path);
    CHECK(a.images[i].path.stem() == b.images[i].path.stem());
    REQUIRE(a.images[i].objects.size() == b.images[i].objects.size());
    for (size_t j = 0; j < a.images[i].objects.size(); ++j) {
      const auto &x = a.images[i].objects[j], &y = b.images[i].objects[j];
      CHECK(a.categories[x.label - 1].name == b.categories[y.label - 1].name);
      for (const auto side : {&Box::x1, &Box::y1, &Box::x2, &Box::y2})
        CHECK(std::abs(x.box.*side - y.box.*side) <= margin);
    }
  }
}

Dataset by_name(Dataset dataset) {
  std::sort(dataset.images.begin(), dataset.images.end(),
            [](const auto& a, const auto& b) { return a.path.stem() < b.path.stem(); });
  return dataset;
}

// A COCO file beside three images, one of them with a crowd region.
fs::path write_coco_folder(const fs::path& root) {
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) write_plain_image(root / name, 100, 80);
  CocoFile coco;
  coco.categories = {{4, "cat"}, {9, "dog \"x\""}};
  coco.images = {{1, "a.jpg", 100, 80}, {2, "b.jpg", 100, 80}, {3, "c.jpg", 100, 80}};
  coco.annotations = {{1, 1, 4, {10.25, 20, 30, 40}, 1200, false, false},
                      {2, 1, 9, {1, 2, 3.5, 4}, 14, false, false},
                      {3, 2, 9, {50, 40, 50, 40}, 2000, true, false}};
  write_coco(root / "instances.json", coco);
  return root / "instances.json";
}

}  // namespace

TEST_CASE("a data set converted to each format is read back with the same boxes") {
  const TemporaryFolder folder;
  const auto file = write_coco_folder(folder.path / "in");
  const auto source = open_dataset(file.string());
  for (const auto& [format, crowds] :
       std::map<std::string, size_t>{{"coco", 1}, {"voc", 0}, {"yolo", 0}}) {
    CAPTURE(format);
    const auto out = folder.path / format;
    const auto report = convert_data({.data = file.string(), .out = out, .to = format});
    REQUIRE(report.splits.size() == 1);
    CHECK(report.splits[0].images == 3);
    CHECK(report.notes.size() == 1 - crowds);
    const auto result = open_dataset(out.string() + ":train");
    CHECK(result.images[1].objects.size() == crowds);
    auto expected = source;
    if (!crowds) expected.images[1].objects.clear();
    check_same_boxes(expected, result, 1e-6);
    CHECK(read(result.images[0].path) == read(source.images[0].path));
  }
}

TEST_CASE("each tool's export, written as COCO, VOC and YOLO, is read back with the same boxes") {
  const auto cases = shared_data("../cases");
  if (!cases) return;
  const auto name =
      GENERATE(as<std::string>{}, "coco_roboflow:train", "coco_folders:train2017",
               "yolo_yaml/data.yaml:train", "yolo_roboflow:train", "yolo_polygons:train",
               "yolo_cvat", "voc_kaggle", "voc_filename", "createml", "labelme", "csv_tensorflow",
               "csv_openimages:train", "cvat_xml");
  CAPTURE(name);
  const auto data = (*cases / name).string();
  Issues issues;
  const auto source = read_dataset(data, {}, nullptr, issues);
  const TemporaryFolder folder;
  for (const auto& [format, margin] :
       std::map<std::string, double>{{"coco", 0}, {"voc", 1e-12}, {"yolo", 1e-6}}) {
    CAPTURE(format);
    convert_data({.data = data, .out = folder.path / format, .to = format});
    const auto result = open_dataset((folder.path / format).string() + ":train");
    check_same_boxes(by_name(source), by_name(result), margin);
  }
}

TEST_CASE("all splits are converted, to any format and back") {
  const TemporaryFolder folder;
  write_coco_folder(folder.path / "in/train");
  write_coco_folder(folder.path / "in/valid");
  convert_data({.data = (folder.path / "in").string(), .out = folder.path / "yolo", .to = "yolo"});
  convert_data({.data = (folder.path / "yolo").string(), .out = folder.path / "voc", .to = "voc"});
  const auto voc = open_dataset((folder.path / "voc").string() + ":val");
  CHECK(voc.images.size() == 3);
  CHECK(voc.images[0].path.filename() == "a_2.jpg");  // train has an a.jpg
  CHECK(voc.images[0].objects.size() == 2);
}

TEST_CASE("no split is lost, and difficult objects stay difficult") {
  const TemporaryFolder folder;
  const auto voc = folder.path / "voc";
  for (const std::string name : {"a", "b", "c"}) {
    write_plain_image(voc / "JPEGImages" / (name + ".jpg"), 100, 80);
    ImageRecord image{1, name + ".jpg", 100, 80, {}};
    image.objects.push_back({{1, 2, 30, 40}, 1, 1, false, true});
    write_voc(voc / "Annotations" / (name + ".xml"), image, {{1, "cat"}});
  }
  write(voc / "ImageSets/Main/trainval.txt", "a\n");
  write(voc / "ImageSets/Main/test.txt", "b\n");
  const auto report = convert_data({.data = voc.string(), .out = folder.path / "coco"});
  REQUIRE(report.splits.size() == 2);
  CHECK(report.splits[0].name == "train");
  CHECK_THAT(report.notes.at(0), ContainsSubstring("1 of 3 images under"));
  const auto coco = open_dataset((folder.path / "coco").string() + ":train");
  CHECK(coco.images.at(0).objects.at(0).difficult);
  fs::create_directories(folder.path / "yolo/images");
  write(folder.path / "yolo/data.yaml", "train: gone\nval: images\nnames: [cat]\n");
  CHECK_THROWS_WITH(
      convert_data({.data = (folder.path / "yolo").string(), .out = folder.path / "x"}),
      ContainsSubstring("data.yaml: train: no such file or folder: \"gone\""));
}

TEST_CASE("classes are chosen and merged by name") {
  const TemporaryFolder folder;
  const auto file = write_coco_folder(folder.path / "in").string();
  const auto convert = [&](const char* out, std::vector<std::string> classes,
                           std::vector<std::string> merge) {
    return convert_data({.data = file,
                         .out = folder.path / out,
                         .classes = std::move(classes),
                         .merge = std::move(merge)});
  };
  convert("merged", {}, {"cat=animal", "dog \"x\"=animal"});
  const auto merged = open_dataset((folder.path / "merged:train").string());
  REQUIRE(merged.categories.size() == 1);
  CHECK(merged.images[0].objects.size() == 2);
  CHECK(convert("chosen", {"cat"}, {}).splits[0].objects == 1);
  CHECK_THROWS_WITH(convert("x", {"owl"}, {}), ContainsSubstring("--classes: no class \"owl\""));
  CHECK_THROWS_WITH(convert("x", {}, {"cat"}), ContainsSubstring("--merge: expected OLD=NEW"));
  CHECK_THROWS_WITH(convert("merged", {}, {}), ContainsSubstring("out: the folder is not empty"));
}

TEST_CASE("a split keeps copies of a photo and frames of a film together") {
  std::vector<ImageRecord> images;
  for (int i = 0; i < 20; ++i)
    for (int copy = 0; copy < 3; ++copy)
      images.push_back(
          {.path = "in/p" + std::to_string(i) + "_jpg.rf.0123456" + std::to_string(copy) + ".jpg"});
  for (int i = 0; i < 40; ++i)
    images.push_back({.path = "in/film" + std::to_string(i / 20) + "_frame_" +
                              std::to_string(1000 + i) + ".png"});
  const auto [part, in_order] = split_images(images, {60, 20, 20}, 3);
  CHECK_FALSE(in_order);
  std::map<std::string, std::set<size_t>> parts;
  std::map<size_t, int> counts;
  for (size_t i = 0; i < images.size(); ++i) {
    parts[group_of(images[i].path)].insert(part[i]);
    ++counts[part[i]];
  }
  CHECK(parts.size() == 22);
  for (const auto& [group, values] : parts) CHECK(values.size() == 1);
  CHECK(std::abs(counts[0] - 60) <= 10);
  CHECK(std::abs(counts[1] - 20) <= 10);
  CHECK(part == split_images(images, {60, 20, 20}, 3).part);
  CHECK(part != split_images(images, {60, 20, 20}, 4).part);
}

TEST_CASE("photos that a camera numbers are split one by one, a single film in its order") {
  CHECK(group_of("in/IMG_0001.jpg") != group_of("in/IMG_0002.jpg"));
  CHECK(group_of("in/walk.mp4_0001.jpg") == group_of("in/walk.mp4_0002.jpg"));
  CHECK(group_of("a/frame_01.jpg") != group_of("b/frame_01.jpg"));
  std::vector<ImageRecord> film;
  for (int i = 0; i < 10; ++i) film.push_back({.path = "frame_0" + std::to_string(i) + ".png"});
  const auto [part, in_order] = split_images(film, {80, 20}, 1);
  CHECK(in_order);
  CHECK(part == std::vector<size_t>{0, 0, 0, 0, 0, 0, 0, 0, 1, 1});
}

TEST_CASE("a file name that JSON cannot hold is refused, not changed") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "in/images/caf\xe9.jpg", 32, 32);
  write(folder.path / "in/labels/caf\xe9.txt", "0 0.5 0.5 0.5 0.5\n");
  const auto data = (folder.path / "in").string();
  CHECK_THROWS_WITH(convert_data({.data = data, .out = folder.path / "coco", .to = "coco"}),
                    ContainsSubstring("instances_train.json: the name \"caf") &&
                        ContainsSubstring("is not UTF-8"));
  CHECK(convert_data({.data = data, .out = folder.path / "yolo", .to = "yolo"}).splits.size() == 1);
}
