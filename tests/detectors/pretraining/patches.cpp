#include "lanner/detectors/pretraining/patches.h"

#include "tests/catch.h"

using namespace lanner::detectors;

namespace {

// Colours as they are.
PatchOptions plain(int size, int stride) {
  return {.size = size, .stride = stride, .grey = 0, .contrast = 0, .brightness = 0};
}

}  // namespace

TEST_CASE("patches are cut in reading order, image by image") {
  const auto images = torch::rand({2, 3, 32, 48});
  const auto patches = cut_patches(images, plain(16, 8));
  REQUIRE(patches.sizes() == at::IntArrayRef{2 * 3 * 5, 3, 16, 16});
  CHECK(at::equal(patches[15 + 5 + 2], images[1].slice(1, 8, 24).slice(2, 16, 32)));
  CHECK(at::allclose(augmented_patches(images, plain(16, 8)), patches, 1e-6, 1e-6));
}

TEST_CASE("a part of each patch is kept, each its own, in the middle; the rest is 0") {
  torch::manual_seed(4);
  auto options = plain(16, 8);
  options.crop = 0.75;
  const auto images = torch::rand({2, 3, 40, 40}) + 1;  // nowhere 0
  const auto whole = cut_patches(images, options), parts = augmented_patches(images, options);
  int64_t moved = 0;
  for (int64_t p = 0; p < whole.size(0); ++p) {
    const auto part = parts[p].slice(1, 2, 14).slice(2, 2, 14);
    CHECK(parts[p].count_nonzero().item<int64_t>() == 3 * 12 * 12);
    bool found = false;
    for (int64_t y = 0; y <= 4; ++y)
      for (int64_t x = 0; x <= 4; ++x)
        if (at::allclose(part, whole[p].slice(1, y, y + 12).slice(2, x, x + 12))) {
          found = true;
          moved += y != 2 || x != 2;
        }
    CHECK(found);
  }
  CHECK(moved > whole.size(0) / 2);
}

TEST_CASE("patches are flipped each on its own") {
  torch::manual_seed(4);
  auto options = plain(16, 16);
  options.flip = 0.5;
  const auto images = torch::rand({4, 3, 32, 32});
  const auto whole = cut_patches(images, options), flipped = augmented_patches(images, options);
  int64_t turned = 0;
  for (int64_t p = 0; p < 16; ++p) {
    const bool same = at::allclose(flipped[p], whole[p], 1e-5, 1e-6);
    turned += !same;
    CHECK((same || at::allclose(flipped[p], whole[p].flip({2}), 1e-5, 1e-6)));
  }
  CHECK((turned > 3 && turned < 13));
}

TEST_CASE("colours become grey, one channel, brighter or of more contrast, as was asked") {
  torch::manual_seed(4);
  const auto images = torch::rand({6, 3, 16, 16});
  auto options = plain(16, 16);
  options.grey = 1;
  const auto grey = with_other_colours(images, options);
  CHECK(at::allclose(grey, images.mean(1, true).expand_as(images), 1e-5, 1e-6));
  options = plain(16, 16);
  options.one_channel = 1;
  const auto one = augmented_patches(images, options);
  for (int64_t p = 0; p < 6; ++p) {
    int64_t kept = 0;
    for (int64_t c = 0; c < 3; ++c)
      kept += at::allclose(one[p], images[p][c].expand_as(images[p]), 1e-5, 1e-6);
    CHECK(kept == 1);
  }
  options = plain(16, 16);
  options.contrast = 0.5, options.brightness = 0.5;
  std::vector<double> slopes;
  const auto changed = with_other_colours(images, options).flatten(0, 1).flatten(1);
  const auto x = images.flatten(0, 1).flatten(1);
  for (int64_t p = 0; p < 18; ++p) {  // a line of the pixels, another for each channel
    const auto slope = (changed[p][1] - changed[p][0]) / (x[p][1] - x[p][0]);
    const auto shift = changed[p][0] - slope * x[p][0];
    CHECK(at::allclose(changed[p], x[p] * slope + shift, 1e-3, 1e-4));
    CHECK(std::abs(slope.item<double>() - 1) < 0.501);
    CHECK(std::abs(shift.item<double>()) < 0.501);
    for (const double slope_of_another : slopes) CHECK(slope.item<double>() != slope_of_another);
    slopes.push_back(slope.item<double>());
  }
}
