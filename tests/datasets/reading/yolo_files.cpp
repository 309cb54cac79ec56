// Where the images and labels of a YOLO data set are: neighbors of the cases in cases.cpp.
#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/yolo.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// An image of 100 x 80 and its label file, with one box of a class.
void write_pair(const fs::path& image, const fs::path& label, int category = 0) {
  write_plain_image(image, 100, 80);
  write(label, std::to_string(category) + " 0.5 0.5 0.2 0.2\n");
}

// The stems of the images with their classes: "a cat, b".
std::string read_stems(const fs::path& data, const std::string& split = "") {
  const auto dataset = open_dataset(data.string() + (split.empty() ? "" : ":" + split));
  std::string text;
  for (const auto& image : dataset.images) {
    text += (text.empty() ? "" : ", ") + image.path.stem().string();
    for (const auto& object : image.objects)
      text += " " + dataset.categories[object.label - 1].name;
  }
  return text;
}

}  // namespace

TEST_CASE("data.yaml names folders, lists and images in many ways") {
  const TemporaryFolder folder;
  const auto& root = folder.path;
  write_pair(root / "images/train/a.jpg", root / "labels/train/a.txt");
  write_pair(root / "images/extra/b.jpg", root / "labels/extra/b.txt", 1);
  write(root / "lists/train.txt", "./images/train/a.jpg\nimages/extra/b.jpg\n");
  write(root / "windows.txt", "\xEF\xBB\xBFimages\\train\\a.jpg\r\n");
  write(root / "absolute.txt", (root / "images/extra/b.jpg").string() + "\n");
  const std::string names = "names: ['cat', \"a dog\"]\n";
  for (const auto& [yaml, expected] : std::vector<std::pair<std::string, std::string>>{
           {"train: images/train\n" + names, "a cat"},
           {"train: [images/train, images/extra]\n" + names, "a cat, b a dog"},
           {"train:\n  - images/extra\n" + names, "b a dog"},
           {"train: lists/train.txt\n" + names, "a cat, b a dog"},
           {"train: windows.txt\n" + names, "a cat"},
           {"train: absolute.txt\n" + names, "b a dog"},
           {"train: " + (root / "images/train").string() + "\n" + names, "a cat"},
           {"path: " + (root / "images").string() + "\ntrain: extra\n" + names, "b a dog"},
           {"train: ../../images/train\n" + names, "a cat"},
           {"train: ..\\images\\train\n" + names, "a cat"},
           {"train: images/train/a.jpg\n" + names, "a cat"},
           {"train: images/train\nnames: {0: ' cat ', 1: dog}\n", "a cat"},
           {"train: images/train\n", "a 0"}}) {
    CAPTURE(yaml);
    write(root / "data.yaml", yaml);
    CHECK(read_stems(root / "data.yaml", "train") == expected);
    CHECK(read_stems(root, "train") == expected);
  }
}

TEST_CASE("what a .yaml file lacks is named") {
  const TemporaryFolder folder;
  const auto file = folder.path / "data.yaml";
  write_pair(folder.path / "images/a.jpg", folder.path / "labels/a.txt", 5);
  for (const auto& [yaml, message] : std::vector<std::pair<std::string, std::string>>{
           {"train: nowhere\nnames: [a]\n",
            "data.yaml: train: no such file or folder: \"nowhere\""},
           {"train: {a: b}\nnames: [a]\n", "data.yaml: train: expected a folder"},
           {"train: images\nnames: {x: a}\n", "data.yaml: names: "},
           {"train: images\nnames: {200000: a}\n", "names: expected classes below 100000"},
           {"train: images\nnames: [a, b]\n", "line 1: unknown class 5: the data set names 2"},
           {"- a\n", "data.yaml: YAML: expected a map"},
           {"train: [\n", "data.yaml: YAML: "},
           {"val: images\nnames: [a]\n", "data.yaml: train: no such split"}}) {
    CAPTURE(yaml);
    write(file, yaml);
    CHECK_THROWS_WITH(open_dataset(file.string() + ":train"), ContainsSubstring(message));
  }
}

TEST_CASE("YOLO folders without a .yaml file are found in every usual layout") {
  const TemporaryFolder folder;
  struct Layout {
    std::string root, image, label, names, split;
  };
  for (const auto& [root, image, label, names, split] : std::vector<Layout>{
           {"a", "images/val/x.jpg", "labels/val/x.txt", "classes.txt", "val"},
           {"b", "val/images/x.jpg", "val/labels/x.txt", "classes.txt", "validation"},
           {"c", "images/x.jpg", "labels/x.txt", "classes.txt", ""},
           {"d", "x.jpg", "x.txt", "classes.txt", ""},
           {"e", "valid/x.jpg", "valid/x.txt", "classes.txt", "val"},
           {"f", "images/deep/er/x.jpg", "labels/deep/er/x.txt", "../classes.txt", ""},
           {"g/train", "images/x.jpg", "labels/x.txt", "../classes.txt", ""},
           {"h", "images/train/x.PNG", "labels/train/x.txt", "classes.txt", "train"}}) {
    CAPTURE(root);
    write_pair(folder.path / root / image, folder.path / root / label);
    write(folder.path / root / names, "owl\r\n");
    CHECK(read_stems(folder.path / root, split) == "x owl");
    fs::remove(folder.path / root / names);
  }
}

TEST_CASE("files of a YOLO folder that are not used are counted, or refused") {
  const TemporaryFolder folder;
  const auto& root = folder.path;
  write_pair(root / "images/train/a.jpg", root / "labels/train/a.txt");
  write(root / "labels/train/b.txt", "0 0.5 0.5 0.2 0.2\n");
  write(root / "labels/train/classes.txt", "cat\n");
  Issues issues;
  read_dataset(root.string() + ":train", {}, nullptr, issues);
  REQUIRE(issues.size() == 1);
  CHECK_THAT(issues[0].text(), ContainsSubstring("b.txt: image: 1 label files in"));
  CHECK(issues[0].action == Issue::Action::drop);
  fs::rename(root / "images/train/a.jpg", root / "images/train/c.jpg");
  CHECK_THROWS_WITH(open_dataset(root.string() + ":train"),
                    ContainsSubstring("a.txt: image: 2 label files in"));
}

TEST_CASE("empty label files and files that cannot be read are counted by kind") {
  const TemporaryFolder folder;
  const auto& root = folder.path;
  write_pair(root / "images/train/a.jpg", root / "labels/train/a.txt");
  write_pair(root / "images/train/b.jpg", root / "labels/train/b.txt");
  write(root / "labels/train/b.txt", "\n");
  write(root / "images/train/film.mp4", "x");
  write(root / "images/train/c.RAW", "x");
  Issues issues;
  const auto notes = read_dataset(root.string() + ":train", {}, nullptr, issues).notes;
  CHECK(issues.empty());
  REQUIRE(notes.size() == 2);
  CHECK(notes[0] == "1 of 2 images have an empty label file: images without objects");
  CHECK(notes[1] == "neither images nor annotations, so not read: 1 .mp4, 1 .raw");
}

TEST_CASE("numbers of YOLO lines are read as they are written") {
  const TemporaryFolder folder;
  const auto& root = folder.path;
  write_plain_image(root / "images/a.jpg", 100, 80);
  const auto read_line = [&](const std::string& line) {
    write(root / "labels/a.txt", line);
    Issues issues;
    const auto dataset = read_dataset(root.string(), {}, nullptr, issues);
    return issues.empty() ? static_cast<int>(dataset.images[0].objects.size()) : -1;
  };
  for (const char* line : {"1 0.5 0.5 0.2 0.2", "1.0 5e-1 .5 0.2 0.2\r\n",
                           "\t1  0.5 0.5 0.2 0.2 \n\n", "+1 +0.5 0.5 0.2 0.2",
                           "\xEF\xBB\xBF"
                           "0 0.5 0.5 0.2 0.2",
                           "0 .1 .1 .9 .1 .5 .9"})
    CHECK(read_line(line) == 1);
  CHECK(read_line("") == 0);
  for (const char* line : {"cat 0.5 0.5 0.2 0.2", "0.5 0.5 0.2 0.2", "1.5 0.5 0.5 0.2 0.2",
                           "0 0.5 0.5 0.2 0.2 0.9", "0,0.5,0.5,0.2,0.2", "0 0.5 0.5 nan 0.2",
                           "0 50 40 20 16", "-1 0.5 0.5 0.2 0.2", "0 .1 .1 .9 .1 .5 .9 .7"})
    CHECK(read_line(line) == -1);
}

TEST_CASE("keypoints behind a box are no polygon") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "images/a.jpg", 100, 80);
  write(folder.path / "labels/a.txt", "0 .5 .5 .2 .2 .45 .45 2 .55 .55 2\n");
  write(folder.path / "data.yaml", "train: images\nnames: [cat]\nkpt_shape: [2, 3]\n");
  const auto dataset = open_dataset(folder.path.string());
  CHECK(dataset.images.at(0).objects.at(0).box.x1 == Approx(40));
  write(folder.path / "data.yaml", "train: images\nnames: data/coco.names\n");
  CHECK_THROWS_WITH(open_dataset(folder.path.string()),
                    ContainsSubstring("names: expected a list or map of names, got \"data/coco"));
}

TEST_CASE("without a split, a folder of splits yields train, not all of them") {
  const TemporaryFolder folder;
  const auto& root = folder.path;
  for (const std::string split : {"train", "val"})
    write_pair(root / "images" / split / (split + ".jpg"),
               root / "labels" / split / (split + ".txt"));
  CHECK(read_stems(root) == "train 0");
}
