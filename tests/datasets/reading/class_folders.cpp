#include "lanner/datasets/reading/class_folders.h"

#include <opencv2/core.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::tests;

TEST_CASE("class folders are read in order of name; fewer than two are rejected") {
  const TemporaryFolder folder;
  const auto add = [&](const std::string& name) {
    datasets::write_image(folder.path / name, cv::Mat(4, 4, CV_8UC3, cv::Scalar::all(9)));
  };
  add("dog/b.png");
  CHECK_THROWS_WITH(datasets::read_class_folders(folder.path),
                    ContainsSubstring("classes: expected at least two folders with images, got 1"));
  add("cat/a.png"), add("dog/a.png");
  fs::create_directories(folder.path / "empty");
  const auto found = datasets::read_class_folders(folder.path);
  CHECK(found.classes == std::vector<std::string>{"cat", "dog"});
  CHECK(found.labels == std::vector<int64_t>{0, 1, 1});
  CHECK(found.files[1].filename() == "a.png");
  CHECK_THROWS_WITH(datasets::read_class_folders("/nowhere"), ContainsSubstring("no such folder"));
}

TEST_CASE("class folders are split by position, by their train folder, or by test folders") {
  const TemporaryFolder folder;
  const auto add = [&](const std::string& name) {
    datasets::write_image(folder.path / name, cv::Mat(4, 4, CV_8UC3, cv::Scalar::all(9)));
  };
  for (const std::string root : {"plain", "parts/train"})
    for (const std::string name : {"cat", "dog"})
      for (int i = 0; i < 5; ++i) add(root + "/" + name + "/" + std::to_string(i) + ".png");
  const auto plain = datasets::read_class_split(folder.path / "plain", {});
  CHECK(plain.train.files.size() == 8);
  CHECK(plain.test.labels == std::vector<int64_t>{0, 1});
  CHECK_THROWS_WITH(datasets::read_class_split(folder.path / "parts", {}),
                    ContainsSubstring("no folder validation"));
  add("parts/test/dog/a.png"), add("parts/test/cat/a.png"), add("parts/val/dog/b.png"),
      add("parts/val/cat/b.png");
  CHECK(datasets::read_class_split(folder.path / "parts", {}).test.labels ==
        std::vector<int64_t>{0, 1, 0, 1});
  CHECK(datasets::read_class_split(folder.path / "parts", {folder.path / "plain"})
            .test.files.size() == 10);
  add("parts/test/yeti/a.png");
  CHECK_THROWS_WITH(datasets::read_class_split(folder.path / "parts", {}),
                    ContainsSubstring("yeti: class: "));
}
