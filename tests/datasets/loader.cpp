#include "lanner/datasets/loader.h"

#include <ATen/ATen.h>

#include <set>

#include "lanner/datasets/error.h"
#include "lanner/datasets/synthetic.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

LoaderOptions training_options(int threads) {
  return {.batch_size = 3,
          .threads = threads,
          .batches = 6,
          .seed = 5,
          .training = true,
          .resize = {64, 96},
          .augment = {.vertical_flip = 0.5,
                      .scale_jitter = 0.3,
                      .colour_jitter = 0.3,
                      .iou_crop = 0.5,
                      .cut_out = 0.5,
                      .mosaic = 0.5}};
}

}  // namespace

TEST_CASE("what is loaded does not depend on the number of threads, nor on where a run resumed") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path, .images = 10, .width = 96, .height = 80});
  const auto dataset = open_dataset(folder.path.string() + ":train");
  Loader one(dataset, training_options(1)), three(dataset, training_options(3));
  auto later = training_options(2);
  later.first_batch = 4, later.batches = 2;
  Loader resumed(dataset, later);
  for (int i = 0; i < 6; ++i) {
    const auto a = *one.next(), b = *three.next();
    CHECK(at::equal(a.images, b.images));
    CHECK(at::equal(a.boxes[2], b.boxes[2]));
    if (i >= 4) CHECK(at::equal(resumed.next()->images, a.images));
  }
  CHECK_FALSE(one.next());
}

TEST_CASE("evaluation sees each image once, in order, the last batch short") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path, .images = 10, .width = 96, .height = 80});
  const auto dataset = open_dataset(folder.path.string() + ":train");  // 8 images
  Loader loader(dataset, {.batch_size = 3, .resize = {40, 60}});
  std::vector<int64_t> ids;
  while (auto batch = loader.next())
    ids.insert(ids.end(), batch->image_ids.begin(), batch->image_ids.end());
  REQUIRE(ids.size() == 8);
  for (size_t i = 0; i < 8; ++i) CHECK(ids[i] == dataset.images[i].id);
}

TEST_CASE("an epoch holds each image once") {
  Shuffle shuffle(10, 3);
  std::set<int64_t> seen;
  for (int64_t i = 10; i < 20; ++i) seen.insert(shuffle(i));
  CHECK(seen.size() == 10);
  CHECK(shuffle(57) == Shuffle(10, 3)(57));
  for (const int64_t place : {41, 33, 8, 25, 8})  // threads lag behind one another
    CHECK(shuffle(place) == Shuffle(10, 3)(place));
  CHECK(Shuffle(1000, 1)(3) != Shuffle(1000, 2)(3));
}

TEST_CASE("an image of another size than annotated ends the pass with its name") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("cat", "1", "1", "9", "9"));
  write_plain_image(folder.path / "JPEGImages/a.jpg", 90, 80);
  const auto dataset = open_dataset(folder.path.string() + ":train");
  Loader loader(dataset, {.resize = {40, 60}});
  CHECK_THROWS_WITH(
      loader.next(),
      ContainsSubstring("a.jpg: size: the annotation says 100 x 80, the image is 90 x 80"));
}

TEST_CASE("images that lie and images that stand come in batches of their own, each once a pass") {
  std::vector<char> stands(23);
  for (size_t i = 0; i < stands.size(); ++i) stands[i] = i % 3 == 0;
  Shuffle shuffle(stands, 4, 9);
  int mixed = 0;
  for (int64_t pass = 0; pass < 4; ++pass) {
    std::set<int64_t> seen;
    for (int64_t i = 0; i < 23; ++i) seen.insert(shuffle(pass * 23 + i));
    CHECK(seen.size() == 23);
  }
  Shuffle again(stands, 4, 9);
  for (int64_t batch = 0; batch < 23; ++batch) {
    int standing = 0;
    for (int64_t i = 0; i < 4; ++i) standing += stands[again(batch * 4 + i)];
    mixed += standing != 0 && standing != 4;
  }
  CHECK(mixed <= 8);  // at most two a pass, where it ends and where it begins
}

TEST_CASE("an image that cannot be read is replaced where bad ones are skipped") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path, .images = 5, .width = 96, .height = 80});
  const auto dataset = open_dataset(folder.path.string() + ":train");  // 4 images
  write(dataset.images[1].path, "no image");
  auto options = training_options(2);
  options.batches = 8;
  Loader stopping(dataset, options);
  CHECK_THROWS_WITH(
      [&] {
        while (stopping.next()) {
        }
      }(),
      ContainsSubstring(dataset.images[1].path.filename().string()));
  options.on_bad_image = BadImage::skip;
  Loader skipping(dataset, options);
  std::set<int64_t> ids;
  int batches = 0;
  for (; auto batch = skipping.next(); ++batches)
    ids.insert(batch->image_ids.begin(), batch->image_ids.end());
  CHECK(batches == 8);
  CHECK(ids.size() == 3);
}
