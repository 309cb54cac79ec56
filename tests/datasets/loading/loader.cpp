#include "lanner/datasets/loading/loader.h"

#include <ATen/ATen.h>

#include <set>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/loading/image_folder.h"
#include "lanner/datasets/synthetic.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

TrainingSampleOptions training_options() {
  return {.batch_size = 3,
          .seed = 5,
          .resize = {64, 96},
          .augment = {.vertical_flip = 0.5,
                      .scale_jitter = 0.3,
                      .color_jitter = 0.3,
                      .iou_crop = 0.5,
                      .cutout = 0.5,
                      .mosaic = 0.5}};
}

}  // namespace

TEST_CASE(
    "batches do not depend on the number of threads, the cache or the batch at which a run is "
    "resumed") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path, .images = 10, .width = 96, .height = 80});
  const auto dataset = open_dataset(folder.path.string() + ":train");
  auto cached = training_options();
  cached.image_cache = 1e-5;  // gigabytes: enough for some of the images
  const auto one = training_loader(dataset, training_options(), {.threads = 1, .batches = 6});
  const auto three = training_loader(dataset, cached, {.threads = 3, .batches = 6});
  const auto resumed =
      training_loader(dataset, training_options(), {.first_batch = 4, .batches = 2});
  for (int i = 0; i < 6; ++i) {
    const auto a = *one->next(), b = *three->next();
    CHECK(at::equal(a.images, b.images));
    CHECK(at::equal(a.boxes[2], b.boxes[2]));
    if (i >= 4) CHECK(at::equal(resumed->next()->images, a.images));
  }
  CHECK_FALSE(one->next());
}

TEST_CASE("evaluation_loader returns each image once in order", "[threads]") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path, .images = 10, .width = 96, .height = 80});
  const auto dataset = open_dataset(folder.path.string() + ":train");  // 8 images
  const auto loader = evaluation_loader(dataset, 3, {40, 60}, {});
  std::vector<int64_t> ids;
  while (auto batch = loader->next())
    ids.insert(ids.end(), batch->image_ids.begin(), batch->image_ids.end());
  REQUIRE(ids.size() == 8);
  for (size_t i = 0; i < 8; ++i) CHECK(ids[i] == dataset.images[i].id);
}

TEST_CASE("an image whose size differs from the annotation is an error that names it",
          "[threads]") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("cat", "1", "1", "9", "9"));
  write_plain_image(folder.path / "JPEGImages/a.jpg", 90, 80);
  const auto dataset = open_dataset(folder.path.string() + ":train");
  const auto loader = evaluation_loader(dataset, 1, {40, 60}, {});
  CHECK_THROWS_WITH(
      loader->next(),
      ContainsSubstring("a.jpg: size: the annotation says 100 x 80, the image is 90 x 80"));
}

TEST_CASE("training_loader replaces unreadable images if they are skipped", "[threads]") {
  const TemporaryFolder folder;
  write_synthetic({.out = folder.path, .images = 5, .width = 96, .height = 80});
  const auto dataset = open_dataset(folder.path.string() + ":train");  // 4 images
  write(dataset.images[1].path, "no image");
  auto options = training_options();
  const auto stopping = training_loader(dataset, options, {.batches = 8});
  CHECK_THROWS_WITH(
      [&] {
        while (stopping->next()) {
        }
      }(),
      ContainsSubstring(dataset.images[1].path.filename().string()));
  options.skip_bad_images = true;
  const auto skipping = training_loader(dataset, options, {.batches = 8});
  std::set<int64_t> ids;
  int batches = 0;
  for (; auto batch = skipping->next(); ++batches)
    ids.insert(batch->image_ids.begin(), batch->image_ids.end());
  CHECK(batches == 8);
  CHECK(ids.size() == 3);
}

TEST_CASE("image_folder_loader replaces unreadable images if they are skipped", "[threads]") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 40, 40);
  write(folder.path / "b.jpg", "no image");
  ImageFolderOptions options{.batch_size = 2, .batches = 2, .size = 16};
  const auto files = list_images(folder.path);
  CHECK_THROWS_WITH(image_folder_loader(files, options)->next(), ContainsSubstring("b.jpg: image"));
  options.skip_bad_images = true;
  const auto skipping = image_folder_loader(files, options);
  while (const auto batch = skipping->next())
    for (const auto& path : batch->paths) CHECK_THAT(path, ContainsSubstring("a.jpg"));
}
