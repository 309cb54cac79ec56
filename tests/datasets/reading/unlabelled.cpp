#include "lanner/datasets/reading/unlabelled.h"

#include "lanner/datasets/synthetic.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("labelled images among the unlabelled ones are noticed by their content, and left out") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path / "data", .images = 6, .width = 64, .height = 64});
  const auto labelled = open_dataset((folder.path / "data").string() + ":train");
  fs::create_directories(folder.path / "more");
  // A copy under another name, and images of its own.
  fs::copy_file(labelled.images[0].path, folder.path / "more/copy.png");
  write_synthetic(
      {.out = folder.path / "others", .images = 4, .seed = 9, .width = 64, .height = 64});
  const std::vector<const Dataset*> known{&labelled};
  const auto images = open_unlabelled({folder.path / "more", folder.path / "others"}, known);
  const auto others = open_dataset((folder.path / "others").string() + ":train").images.size() +
                      open_dataset((folder.path / "others").string() + ":val").images.size();
  CHECK(images.images.size() == others);
  for (const auto& image : images.images) {
    CHECK(image.objects.empty());
    CHECK(image.width == 64);
  }
  CHECK_THROWS_WITH(open_unlabelled({folder.path / "more"}, known),
                    ContainsSubstring("unlabelled: expected images without labels, got 1"));
}

TEST_CASE(
    "unlabelled images may be listed; a folder without any, or a list with wrong lines, is "
    "refused") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path / "data", .images = 6, .width = 64, .height = 64});
  const auto data = open_dataset((folder.path / "data").string() + ":train");
  const auto name = "data/JPEGImages/" + data.images[1].path.filename().string();
  write(folder.path / "list.txt", name + "\n\n");
  CHECK(open_unlabelled({folder.path / "list.txt"}, {}).images.size() == 1);
  write(folder.path / "wrong.txt", "none.jpg\n");
  CHECK_THROWS_WITH(open_unlabelled({folder.path / "wrong.txt"}, {}),
                    ContainsSubstring("none.jpg: not found, in the list"));
  write(folder.path / "empty.txt", "\n");
  CHECK_THROWS_WITH(open_unlabelled({folder.path / "empty.txt"}, {}),
                    ContainsSubstring("empty.txt: lists no images"));
  fs::create_directories(folder.path / "nothing");
  CHECK_THROWS_WITH(open_unlabelled({folder.path / "nothing"}, {}), ContainsSubstring("nothing"));
  CHECK_THROWS_WITH(open_unlabelled({folder.path / "absent"}, {}), ContainsSubstring("absent"));
}

TEST_CASE("what is known of unlabelled images is found by file name, to measure by") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path / "data", .images = 6, .width = 64, .height = 64});
  const auto truth = open_dataset((folder.path / "data").string() + ":train");
  auto images = open_unlabelled({folder.path / "data"}, {});
  add_truth(images, truth);
  size_t objects = 0, expected = 0;
  for (const auto& image : images.images) objects += image.objects.size();
  for (const auto& image : truth.images) expected += image.objects.size();
  CHECK(objects == expected);
  write_synthetic({.out = folder.path / "x", .images = 2, .width = 64, .height = 64});
  Dataset other;
  other.images.push_back({.id = 1, .path = "elsewhere.jpg"});
  CHECK_THROWS_WITH(add_truth(images, other), ContainsSubstring("pseudo.truth"));
}
