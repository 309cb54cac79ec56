#include "lanner/detectors/pretraining/regions.h"

#include <map>

#include "lanner/ops/roi_align.h"
#include "tests/catch.h"

using namespace lanner;
using namespace lanner::detectors;

namespace {

PretrainOptions tiny_regions() {
  PretrainOptions options;
  options.images = {"anywhere"};
  options.objective = "regions";
  options.width = 8, options.image_size = 96, options.embedding = 16;
  options.regions.view_size = 64, options.regions.candidates = 6, options.regions.boxes = 3;
  options.regions.head_width = 32;
  options.loop.out = "nowhere";
  return options;
}

// Images of smooth random colors, [N, 3, S, S].
at::Tensor smooth_images(int64_t count, int64_t side) {
  return torch::upsample_bilinear2d(torch::randn({count, 3, 6, 6}), {side, side}, false);
}

}  // namespace

TEST_CASE("the two rows of a region show the same pixels in both views") {
  torch::manual_seed(1);
  const auto images = smooth_images(4, 96);
  auto options = tiny_regions().regions;
  options.view_size = 96;  // views larger than what they show: little is lost
  PatchOptions colors;
  colors.gray = colors.contrast = colors.brightness = 0;
  const auto views = region_views(images, options, colors);
  const auto means = [](const at::Tensor& view, const at::Tensor& rois) {
    return ops::roi_align(view, rois, {.pooled_height = 1, .pooled_width = 1, .sampling_ratio = 8})
        .flatten(1);
  };
  const auto first = means(views.first, views.first_rois),
             second = means(views.second, views.second_rois);
  CHECK((first - second).abs().max().item<float>() < 0.1);
  CHECK(first.std().item<float>() > 0.3);  // other regions are another color
  for (const auto& rois : {views.first_rois, views.second_rois}) {
    CHECK(rois.slice(1, 1, 5).min().item<float>() >= -0.01);
    CHECK(rois.slice(1, 1, 5).max().item<float>() <= 96.01);
    CHECK((rois.slice(1, 3, 5) - rois.slice(1, 1, 3)).min().item<float>() > 1);
  }
}

TEST_CASE(
    "targets begin as the network that is trained, weights from elsewhere and statistics too") {
  torch::manual_seed(4);
  Regions regions(tiny_regions());
  const torch::NoGradGuard no_grad;
  for (auto& parameter : regions.parameters()) parameter.uniform_();
  for (auto& buffer : regions.buffers())
    if (buffer.is_floating_point()) buffer.uniform_();
  regions.begin();
  std::map<std::string, at::Tensor> all;
  for (const auto& item : regions.named_parameters()) all[item.key()] = item.value();
  for (const auto& item : regions.named_buffers()) all[item.key()] = item.value();
  int compared = 0;
  for (const auto& [name, value] : all) {
    if (!name.starts_with("target.")) continue;
    INFO(name);
    CHECK(torch::equal(value, all.at(name.substr(7))));
    ++compared;
  }
  CHECK(compared > 50);
}

TEST_CASE("a region that stands out has the highest salience") {
  torch::manual_seed(2);
  auto images = torch::zeros({1, 3, 96, 96});
  images.slice(2, 40, 56).slice(3, 40, 56).fill_(2);
  auto options = tiny_regions().regions;
  options.candidates = 400, options.min_view = 1;
  const auto views = region_views(images, options, {});
  const auto best = views.salience.argmax().item<int64_t>();
  const auto box = views.first_rois[best].slice(0, 1, 5) * (96. / options.view_size);
  // It is around the square, or mirrored around it.
  const auto center = (box.slice(0, 0, 2) + box.slice(0, 2, 4)) / 2;
  CHECK((center - 48).abs().max().item<float>() < 8);
}

TEST_CASE(
    "the targets that a prediction is compared with hold its own, and none that looks the same") {
  torch::manual_seed(3);
  auto targets = torch::randn({12, 8});
  targets[5] = targets[2] + 0.01 * torch::randn({8});
  const auto same = alike(targets, 0.7);
  CHECK(same.diagonal().all().item<bool>());
  CHECK(same[2][5].item<bool>());
  CHECK(torch::equal(same, same.t()));
  const auto predictions = torch::randn({12, 8});
  const auto result = region_nce(predictions, targets, 0.1, 0.7);
  // A naive reference.
  const auto unit = [](const at::Tensor& x) { return x / x.norm(); };
  double loss = 0;
  for (int64_t i = 0; i < 12; ++i) {
    double sum = 0, own = 0;
    int64_t candidates = 0;
    for (int64_t j = 0; j < 12; ++j) {
      if (j != i && same[i][j].item<bool>()) continue;
      const auto score = std::exp(unit(predictions[i]).dot(unit(targets[j])).item<double>() / 0.1);
      sum += score, ++candidates;
      if (j == i) own = score;
    }
    CHECK(own > 0);
    CHECK(result.candidates[i].item<int64_t>() == candidates);
    loss -= std::log(own / sum) / 12;
  }
  CHECK(result.loss.item<double>() == Approx(loss).epsilon(1e-4));
}

TEST_CASE("regions are chosen by their weights, each at most once") {
  torch::manual_seed(4);
  const auto weights = torch::tensor({1.f, 0.f, 3.f, 0.f, 0.f, 1.f, 1.f, 0.f}).view({2, 4});
  int third = 0;
  for (int i = 0; i < 400; ++i) {
    const auto rows = choose_regions(weights, 1);
    third += rows[0].item<int64_t>() == 2;
    CHECK(rows[1].item<int64_t>() >= 4);
  }
  CHECK(third / 400. == Approx(0.75).margin(0.08));
  const auto two = choose_regions(weights, 2);
  CHECK(two[0].item<int64_t>() != two[1].item<int64_t>());
}

TEST_CASE("region pretraining trains what a detector has, and its target has no gradient") {
  torch::manual_seed(5);
  const auto objective = make_objective(tiny_regions());
  const auto result = objective->forward(smooth_images(4, 96));
  result.loss.backward();
  std::set<std::string> trained;
  for (const auto& item : objective->named_parameters()) {
    if (item.key().starts_with("target.")) {
      CHECK_FALSE(item.value().requires_grad());
      CHECK_FALSE(item.value().grad().defined());
    } else if (item.value().grad().defined() &&
               item.value().grad().abs().sum().item<double>() > 0) {
      trained.insert(item.key());
    }
  }
  CHECK(trained.contains("backbone.body.layer4.1.conv2.weight"));
  CHECK(trained.contains("backbone.fpn.inner_blocks.0.0.weight"));
  CHECK(trained.contains("roi_heads.box_head.fc7.weight"));
}

TEST_CASE("the target is the average of the trained network") {
  torch::manual_seed(6);
  auto options = tiny_regions();
  options.regions.target_decay = 0.75;
  const auto objective = make_objective(options);
  auto named = objective->named_parameters();
  const std::string name = "roi_heads.box_head.fc6.weight";
  CHECK(torch::equal(named[name], named["target." + name]));
  const auto before = named[name].detach().clone();
  {
    const torch::NoGradGuard no_grad;
    named[name] += 1;
  }
  objective->forward(smooth_images(2, 96));
  CHECK(at::allclose(named["target." + name], before + 0.25));
  objective->eval();
  objective->forward(smooth_images(2, 96));
  CHECK(at::allclose(named["target." + name], before + 0.25));
}

TEST_CASE("options of region pretraining that contradict each other are named") {
  auto options = tiny_regions();
  options.regions.fpn_stages = {2, 4};
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("regions.fpn_stages"));
  options = tiny_regions();
  options.stages = 3;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("stages: expected the last of"));
  options = tiny_regions();
  options.regions.boxes = 7;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("regions.boxes"));
}
