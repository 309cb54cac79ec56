#include "lanner/detectors/pretraining/patches.h"

#include "tests/catch.h"

using namespace lanner::detectors;

namespace {

PatchOptions without_color_changes(int size, int stride) {
  return {.size = size, .stride = stride, .gray = 0, .contrast = 0, .brightness = 0};
}

}  // namespace

TEST_CASE("patches are in reading order, image by image") {
  const auto images = torch::rand({2, 3, 32, 48});
  const auto patches = extract_patches(images, without_color_changes(16, 8));
  REQUIRE(patches.sizes() == at::IntArrayRef{2 * 3 * 5, 3, 16, 16});
  CHECK(at::equal(patches[15 + 5 + 2], images[1].slice(1, 8, 24).slice(2, 16, 32)));
  CHECK(at::allclose(augment_patches(images, without_color_changes(16, 8)), patches, 1e-6, 1e-6));
}

TEST_CASE("a random part of each patch is moved to its center, and the rest is 0") {
  torch::manual_seed(4);
  auto options = without_color_changes(16, 8);
  options.crop = 0.75;
  const auto images = torch::rand({2, 3, 40, 40}) + 1;  // never 0
  const auto patches = extract_patches(images, options), cropped = augment_patches(images, options);
  int64_t num_moved = 0;
  for (int64_t p = 0; p < patches.size(0); ++p) {
    const auto crop = cropped[p].slice(1, 2, 14).slice(2, 2, 14);
    CHECK(cropped[p].count_nonzero().item<int64_t>() == 3 * 12 * 12);
    bool found = false;
    for (int64_t y = 0; y <= 4; ++y)
      for (int64_t x = 0; x <= 4; ++x)
        if (at::allclose(crop, patches[p].slice(1, y, y + 12).slice(2, x, x + 12))) {
          found = true;
          num_moved += y != 2 || x != 2;
        }
    CHECK(found);
  }
  CHECK(num_moved > patches.size(0) / 2);
}

TEST_CASE("patches are flipped independently") {
  torch::manual_seed(4);
  auto options = without_color_changes(16, 16);
  options.flip = 0.5;
  const auto images = torch::rand({4, 3, 32, 32});
  const auto patches = extract_patches(images, options), flipped = augment_patches(images, options);
  int64_t num_flipped = 0;
  for (int64_t p = 0; p < 16; ++p) {
    const bool same = at::allclose(flipped[p], patches[p], 1e-5, 1e-6);
    num_flipped += !same;
    CHECK((same || at::allclose(flipped[p], patches[p].flip({2}), 1e-5, 1e-6)));
  }
  CHECK((num_flipped > 3 && num_flipped < 13));
}

TEST_CASE("color augmentation applies grayscale, a single channel, contrast and brightness") {
  torch::manual_seed(4);
  const auto images = torch::rand({6, 3, 16, 16});
  auto options = without_color_changes(16, 16);
  options.gray = 1;
  const auto gray = augment_colors(images, options);
  CHECK(at::allclose(gray, images.mean(1, true).expand_as(images), 1e-5, 1e-6));
  options = without_color_changes(16, 16);
  options.one_channel = 1;
  const auto single_channel = augment_patches(images, options);
  for (int64_t p = 0; p < 6; ++p) {
    int64_t num_equal = 0;
    for (int64_t c = 0; c < 3; ++c)
      num_equal += at::allclose(single_channel[p], images[p][c].expand_as(images[p]), 1e-5, 1e-6);
    CHECK(num_equal == 1);
  }
  options = without_color_changes(16, 16);
  options.contrast = 0.5, options.brightness = 0.5;
  std::vector<double> slopes;
  const auto changed = augment_colors(images, options).flatten(0, 1).flatten(1);
  const auto x = images.flatten(0, 1).flatten(1);
  for (int64_t p = 0; p < 18; ++p) {  // a different affine transform per image and channel
    const auto slope = (changed[p][1] - changed[p][0]) / (x[p][1] - x[p][0]);
    const auto shift = changed[p][0] - slope * x[p][0];
    CHECK(at::allclose(changed[p], x[p] * slope + shift, 1e-3, 1e-4));
    CHECK(std::abs(slope.item<double>() - 1) < 0.501);
    CHECK(std::abs(shift.item<double>()) < 0.501);
    for (const double other_slope : slopes) CHECK(slope.item<double>() != other_slope);
    slopes.push_back(slope.item<double>());
  }
}

TEST_CASE("a flipped patch is the mirror image, also where its crop has odd margins") {
  auto options = without_color_changes(16, 8);
  options.crop = 0.55;  // 9 of 16 pixels
  const auto images = torch::rand({2, 3, 32, 32});
  torch::manual_seed(5);
  const auto patches = augment_patches(images, options);
  options.flip = 1;
  torch::manual_seed(5);
  CHECK(at::equal(augment_patches(images, options), patches.flip({3})));
}
