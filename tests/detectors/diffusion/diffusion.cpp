#include <torch/autograd.h>
#include <torch/nn/modules/container/functional.h>
#include <torch/optim/adamw.h>

#include <cmath>

#include "lanner/datasets/synthetic.h"
#include "lanner/detectors/diffusion/assignment.h"
#include "lanner/detectors/diffusion/box_loss.h"
#include "lanner/detectors/diffusion/box_stage.h"
#include "lanner/detectors/diffusion/diffusion_head.h"
#include "lanner/detectors/diffusion/sampler.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/ops/boxes.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

// Data from N(mean, deviation^2) have a denoiser in closed form, and the ODE a solution.
struct Gaussian {
  double mean = 0.7, deviation = 0.4;

  at::Tensor denoise(const at::Tensor& x, const NoiseLevel& l) const {
    const double c2 = deviation * deviation;
    return mean + l.s * c2 / (l.s * l.s * c2 + l.sigma * l.sigma) * (x - l.s * mean);
  }
  // Where the ODE takes x from one level to another.
  at::Tensor solution(const at::Tensor& x, const NoiseLevel& from, const NoiseLevel& to) const {
    const auto spread = [&](const NoiseLevel& l) {
      return std::sqrt(l.s * l.s * deviation * deviation + l.sigma * l.sigma);
    };
    return to.s * mean + spread(to) / spread(from) * (x - from.s * mean);
  }
};

at::Tensor no_noise(const at::Tensor& x) { return torch::zeros_like(x); }

double error(NoisePath path, Sampler sampler, int64_t steps) {
  const Gaussian data;
  const auto x = torch::linspace(-2, 2, 41, torch::kDouble);
  auto levels = sampling_levels(path, steps);
  // EDM's last step leads from a sigma of 0.02 to none, however many there are.
  if (path == NoisePath::edm) levels.pop_back();
  const auto found = sample([&](const auto& x, const auto& l) { return data.denoise(x, l); }, x,
                            levels, sampler, 0, no_noise);
  return (found - data.solution(x, levels.front(), levels.back())).abs().max().item<double>();
}

DetectorOptions diffusion_options() {
  auto options = tiny_options();
  options.model = "diffusion";
  options.backbone.width = 16;
  options.diffusion = {
      .train_boxes = 24, .stages = 2, .heads = 4, .dynamic_width = 8, .feed_forward = 64};
  options.sampling.boxes = 20;
  return options;
}

// Images of a red object and a green one.
datasets::Batch some_batch(const Detector& detector, int64_t images) {
  using torch::indexing::Slice;
  std::vector<at::Tensor> pixels, boxes, labels;
  for (int64_t n = 0; n < images; ++n) {
    pixels.push_back(0.3 * torch::rand({3, 96, 128}));
    pixels.back().index({0, Slice(20, 70), Slice(10, 50)}) += 0.7;
    pixels.back().index({1, Slice(10, 60), Slice(60, 120)}) += 0.7;
    boxes.push_back(torch::tensor({10.f, 20.f, 50.f, 70.f, 60.f, 10.f, 120.f, 60.f}).view({2, 4}));
    labels.push_back(torch::tensor({1, 2}, torch::kLong));
  }
  auto batch = detector->prepare(pixels);
  detector->set_targets(batch, boxes, labels);
  return batch;
}

}  // namespace

TEST_CASE("on Gaussian data Euler's method is of order 1 and Heun's of order 2") {
  const auto order = [](NoisePath path, Sampler sampler) {
    return std::log2(error(path, sampler, 40) / error(path, sampler, 80));
  };
  CHECK(order(NoisePath::flow, Sampler::euler) == Approx(1).margin(0.1));
  CHECK(order(NoisePath::flow, Sampler::heun) == Approx(2).margin(0.15));
  CHECK(order(NoisePath::vp, Sampler::euler) == Approx(1).margin(0.15));
  CHECK(order(NoisePath::edm, Sampler::euler) == Approx(1).margin(0.1));
  CHECK(order(NoisePath::edm, Sampler::heun) == Approx(2).margin(0.15));
}

TEST_CASE("DDIM on the flow's levels is Euler's method on its velocity") {
  const Gaussian data;
  const auto levels = sampling_levels(NoisePath::flow, 7);
  auto expected = torch::linspace(-2, 2, 9, torch::kDouble);
  const auto found = sample([&](const auto& x, const auto& l) { return data.denoise(x, l); },
                            expected, levels, Sampler::ddim, 0, no_noise);
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    const auto x0 = data.denoise(expected, levels[i]);
    const auto velocity = (expected - levels[i].s * x0) / levels[i].sigma - x0;
    expected = expected + (levels[i + 1].sigma - levels[i].sigma) * velocity;
  }
  CHECK(at::allclose(found, expected, 0, 1e-6));
}

TEST_CASE("DDPM without fresh noise is DDIM, and with it keeps the moments of the data") {
  const Gaussian data;
  const auto denoise = [&](const auto& x, const auto& l) { return data.denoise(x, l); };
  const auto levels = sampling_levels(NoisePath::vp, 1000);
  torch::manual_seed(1);
  const auto x = torch::randn({40000}, torch::kDouble);
  const auto noise = [](const at::Tensor& x) { return torch::randn_like(x); };
  CHECK(at::allclose(sample(denoise, x, levels, Sampler::ddpm, 0, noise),
                     sample(denoise, x, levels, Sampler::ddim, 0, noise)));
  const auto found = sample(denoise, x, levels, Sampler::ddpm, 1, noise);
  CHECK(found.mean().item<double>() == Approx(data.mean).epsilon(0.01));
  CHECK(found.std().item<double>() == Approx(data.deviation).epsilon(0.02));
}

TEST_CASE("the levels of all paths have the moments that they are said to have") {
  torch::manual_seed(2);
  const auto x0 = 0.7 + 0.4 * torch::randn({400000}, torch::kDouble);
  for (const auto path : {NoisePath::flow, NoisePath::vp, NoisePath::edm}) {
    for (const double fraction : {0.05, 0.5, 0.95}) {
      const auto l = level_at(path, fraction);
      const auto x = l.s * x0 + l.sigma * torch::randn_like(x0);
      CHECK(x.mean().item<double>() == Approx(0.7 * l.s).margin(0.01));
      CHECK(x.var().item<double>() == Approx(0.16 * l.s * l.s + l.sigma * l.sigma).epsilon(0.01));
      const double sum = path == NoisePath::flow ? l.s + l.sigma : l.s * l.s + l.sigma * l.sigma;
      CHECK(sum == Approx(1));
    }
    const auto levels = sampling_levels(path, 5);
    CHECK(levels.size() == 6);
    CHECK(levels.front().sigma > 0.99);
    CHECK(levels.back().sigma == 0);
    for (size_t i = 1; i < levels.size(); ++i) {
      CHECK(levels[i].sigma < levels[i - 1].sigma);
      CHECK((levels[i].time < levels[i - 1].time || i == 5));
    }
    CHECK(sampling_levels(path, 1).size() == 2);
  }
  CHECK(sampling_levels(NoisePath::vp, 4)[1].time == 749);  // integers of linspace(999, -1, 5)
}

TEST_CASE("objects are assigned as a naive reference does") {
  torch::manual_seed(3);
  for (int trial = 0; trial < 30; ++trial) {
    const int64_t count = 12, wanted = 1 + trial % 5, candidates = trial % 2 ? 5 : 9,
                  min_matches = 1 + trial % 3;
    const auto random_boxes = [](int64_t n) {
      const auto low = torch::rand({n, 2}) * 80;
      return torch::cat({low, low + 5 + torch::rand({n, 2}) * 40}, 1);
    };
    const auto boxes = random_boxes(count), objects = random_boxes(wanted);
    const auto labels = torch::randint(1, 4, {wanted}, torch::kLong);
    const auto scores = torch::rand({count, 3});
    const auto found = assign(scores, boxes, objects, labels, 128, 128, candidates, min_matches);
    std::map<int64_t, int64_t> object_of;
    std::vector<int64_t> shares(wanted);
    for (int64_t i = 0; i < found.boxes.size(0); ++i) {
      const auto [place, added] =
          object_of.emplace(found.boxes[i].item<int64_t>(), found.objects[i].item<int64_t>());
      CHECK(added);  // a prediction has one object
      ++shares[place->second];
    }
    const auto cost = assignment_cost(scores, boxes, objects, labels, 128, 128);
    const auto iou = ops::box_iou(boxes, objects);
    for (int64_t g = 0; g < wanted; ++g) {
      CHECK(shares[g] >= 1);
      double sum = 0;
      const auto sorted = std::get<0>(iou.select(1, g).sort(0, true));
      for (int64_t i = 0; i < candidates; ++i) sum += sorted[i].item<double>();
      const auto share = std::max(min_matches, static_cast<int64_t>(sum));
      CHECK(shares[g] <= share);
      // A prediction among the cheapest goes elsewhere only where it is cheaper.
      const auto order = cost.select(1, g).argsort();
      for (int64_t i = 0; i < share; ++i) {
        const auto row = order[i].item<int64_t>();
        REQUIRE(object_of.contains(row));
        const auto other = object_of.at(row);
        CHECK(cost[row][other].item<double>() <= cost[row][g].item<double>());
      }
    }
  }
}

TEST_CASE("the terms of the cost are those of the paper") {
  const auto scores = torch::tensor({0.8f, 0.1f}).view({1, 2});
  const auto box = torch::tensor({10.f, 10.f, 30.f, 30.f}).view({1, 4});
  const auto cost = [&](const at::Tensor& object) {
    return assignment_cost(scores, box, object.view({1, 4}), torch::tensor({1}, torch::kLong), 100,
                           50)
        .item<double>();
  };
  const double p = 0.8;
  const double focal =
      0.25 * std::pow(1 - p, 2) * -std::log(p) - 0.75 * std::pow(p, 2) * -std::log(1 - p);
  CHECK(cost(box) == Approx(2 * focal - 2).margin(1e-4));
  const auto beside = torch::tensor({35.f, 10.f, 55.f, 30.f});  // 25 px away, of 20 px: near
  const double giou = 0. - (45. * 20 - 800) / (45. * 20);
  CHECK(cost(beside) == Approx(2 * focal + 5 * 0.5 - 2 * giou + 100).margin(1e-3));
  const auto far = torch::tensor({80.f, 10.f, 90.f, 20.f});
  CHECK(cost(far) > 1e4);
}

TEST_CASE("the dynamic convolution has the gradients that finite differences say, in double") {
  torch::manual_seed(4);
  DynamicConv conv(6, 3);
  conv->to(torch::kDouble);
  for (auto& parameter : conv->parameters()) parameter.data().normal_(0, 0.5);
  const auto features = torch::randn({2, 4, 6}, torch::kDouble).requires_grad_(),
             queries = torch::randn({2, 6}, torch::kDouble).requires_grad_();
  const auto weights = torch::randn({2, 4, 6}, torch::kDouble);
  const auto f = [&](const at::Tensor& q, const at::Tensor& x) {
    return (conv(q, x.clone()) * weights).sum();
  };
  const auto gradients = torch::autograd::grad({f(queries, features)}, {queries, features});
  const torch::NoGradGuard no_grad;
  for (int which : {0, 1}) {
    const auto& input = which == 0 ? queries : features;
    for (int64_t i = 0; i < input.numel(); ++i) {
      const auto shifted = [&](double by) {
        auto moved = input.detach().clone();
        moved.view(-1)[i] += by;
        return (which == 0 ? f(moved, features) : f(queries, moved)).item<double>();
      };
      const double numeric = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
      CHECK(gradients[which].reshape(-1)[i].item<double>() == Approx(numeric).margin(1e-6));
    }
  }
}

TEST_CASE("at first a dynamic convolution gives back the features, negative ones too") {
  torch::manual_seed(4);
  DynamicConv conv(6, 3);
  const auto features = torch::randn({2, 4, 6});
  CHECK(torch::equal(conv(torch::randn({2, 6}), features), features));
}

TEST_CASE("without gradients the dynamic convolution gives the same") {
  torch::manual_seed(4);
  DynamicConv conv(24, 8);
  for (auto& parameter : conv->parameters()) parameter.data().normal_(0, 0.5);
  const auto queries = torch::randn({3, 24}), features = torch::randn({3, 9, 24});
  const auto expected = conv(queries, features).detach();
  const torch::NoGradGuard no_grad;
  CHECK(at::allclose(conv(queries, features.transpose(1, 2).contiguous().transpose(1, 2)), expected,
                     1e-4, 1e-4));
  CHECK(at::allclose(conv(queries, features), expected, 1e-4, 1e-4));
}

TEST_CASE("a stage is told the noise of each box, or of all") {
  torch::manual_seed(5);
  BoxStage stage(16, 3, 9, 32, DiffusionOptions{.heads = 2, .dynamic_width = 4, .feed_forward = 8});
  // What it is told counts for nothing at first.
  for (auto& parameter : stage.parameters()) parameter.data().normal_(0, 0.3);
  const auto pooled = torch::randn({6, 16, 3, 3}), boxes = torch::rand({6, 4}) * 10;
  const auto scores = [&](const at::Tensor& time) {
    return stage.forward(pooled, boxes, at::Tensor(), time, 2).logits;
  };
  auto times = torch::randn({1, 64}).repeat({6, 1});
  const auto all = scores(times.slice(0, 0, 1));
  CHECK(at::allclose(all, scores(times), 1e-5, 1e-6));
  times[4] += 1;
  const auto differs = (scores(times) - all).abs().amax(1) > 1e-3;
  CHECK(differs.nonzero().view(-1).equal(torch::tensor({4})));
}

TEST_CASE("all stages but the last pool early_pooled_size bins per axis") {
  auto options = diffusion_options();
  options.diffusion.early_pooled_size = 3;
  Detector detector(options);
  const auto parameters = detector->named_parameters();
  const auto width = options.backbone.fpn_channels;
  CHECK(parameters["roi_heads.stage0.fc6.weight"].size(1) == 3 * 3 * width);
  CHECK(parameters["roi_heads.stage1.fc6.weight"].size(1) == 7 * 7 * width);
  CHECK(std::isfinite(detector->losses(some_batch(detector, 1)).total().item<double>()));
}

TEST_CASE("with early_width all stages but the last are two layers of that width") {
  auto options = diffusion_options();
  options.diffusion.early_width = 12;
  Detector detector(options);
  const auto parameters = detector->named_parameters();
  CHECK(parameters["roi_heads.stage0.fc6.weight"].size(0) == 12);
  CHECK(parameters["roi_heads.stage0.fc7.weight"].sizes() == at::IntArrayRef{12, 12});
  CHECK_FALSE(parameters.contains("roi_heads.stage0.dynamic.weights.weight"));
  CHECK(parameters.contains("roi_heads.stage1.dynamic.weights.weight"));
}

TEST_CASE("no stages have parameters without gradients, with deformable pooling too") {
  auto options = diffusion_options();
  std::tie(options.diffusion.stages, options.diffusion.early_width) =
      GENERATE(std::pair<int64_t, int64_t>{1, 0}, std::pair<int64_t, int64_t>{3, 12});
  options.roi.deformable = true;
  Detector detector(options);
  detector->losses(some_batch(detector, 1)).total().backward();
  for (const auto& item : detector->named_parameters()) {
    INFO(item.key());
    // A level of the FPN has none if no RoI is pooled from it.
    CHECK((item.value().grad().defined() || item.key().starts_with("backbone.fpn")));
  }
}

TEST_CASE("the same seed gives an image the same boxes, whatever the batch") {
  torch::manual_seed(5);
  auto options = diffusion_options();
  options.sampling.steps = 3;
  options.roi.score_threshold = 0;
  for (const auto sampler : {Sampler::euler, Sampler::heun}) {
    options.sampling.sampler = sampler;
    Detector detector(options);
    detector->eval();
    const auto first = torch::rand({3, 96, 128}), second = torch::rand({3, 96, 128});
    const auto together = detector->detect(detector->prepare({first, second}));
    const auto alone = detector->detect(detector->prepare({second}));
    REQUIRE(alone[0].boxes.size(0) > 10);
    CHECK(at::allclose(together[1].scores, alone[0].scores, 1e-4, 1e-5));
    CHECK(at::allclose(together[1].boxes, alone[0].boxes, 1e-3, 1e-2));
    const auto again = detector->detect(detector->prepare({second}));
    CHECK(torch::equal(again[0].boxes, alone[0].boxes));
    CHECK(detector->sampling_steps(detector->prepare({second})).size() ==
          (sampler == Sampler::heun ? 5 : 3));
  }
}

TEST_CASE("boxes cost 5 L1 in sides of the image, or 4 in sides of the object, and 2 of GIoU") {
  // Twice as wide as the object, at the same corner: IoU and generalized IoU are 1 / 2.
  const auto box = torch::tensor({20.f, 30.f, 60.f, 80.f}).view({1, 4}),
             object = torch::tensor({20.f, 30.f, 40.f, 80.f}).view({1, 4}),
             image = torch::tensor({200.f, 100.f, 200.f, 100.f}).view({1, 4});
  const auto loss = [&](double scale, L1Unit unit) {
    return box_loss(box * scale, object * scale, image, unit).item<double>();
  };
  CHECK(loss(1, L1Unit::image) == Approx(5 * 20. / 200 + 2 * 0.5));
  CHECK(loss(0.1, L1Unit::image) == Approx(5 * 2. / 200 + 2 * 0.5));
  CHECK(loss(1, L1Unit::object) == Approx(4 * 20. / 20 + 2 * 0.5));
  CHECK(loss(0.1, L1Unit::object) == Approx(4 * 20. / 20 + 2 * 0.5));
  // It is summed over pairs, and moves boxes towards their objects.
  auto moving = torch::cat({box, box, box}).requires_grad_();
  const auto sum = box_loss(moving, object.expand({3, 4}), image.expand({3, 4}), L1Unit::object);
  CHECK(sum.item<double>() == Approx(15));
  sum.backward();
  CHECK((moving.grad().select(1, 2) > 0).all().item<bool>());
  const auto none = torch::zeros({0, 4});
  CHECK(box_loss(none, none, none, L1Unit::object).item<double>() == 0);
}

TEST_CASE("a diffusion detector has finite losses and gradients, with and without objects") {
  torch::manual_seed(6);
  for (const auto path : {NoisePath::flow, NoisePath::vp, NoisePath::edm}) {
    auto options = diffusion_options();
    options.sampling.path = path;
    options.diffusion.data_prior = path == NoisePath::flow;
    options.diffusion.copies = path == NoisePath::vp ? 0.5 : 0;
    if (path == NoisePath::edm) options.diffusion.l1_unit = L1Unit::object;
    Detector detector(options);
    detector->set_prior(torch::rand({30, 4}) * 0.5 + 0.2);
    auto batch = some_batch(detector, 2);
    batch.boxes[1] = torch::zeros({0, 4}), batch.labels[1] = torch::zeros({0}, torch::kLong);
    const auto losses = detector->losses(batch);
    CHECK_FALSE(losses.objectness.defined());
    CHECK(losses.named().size() == 2);
    losses.total().backward();
    for (const auto& item : detector->named_parameters())
      if (item.value().grad().defined()) {
        INFO(item.key());
        CHECK(item.value().grad().isfinite().all().item<bool>());
      }
    batch.boxes[0] = torch::zeros({0, 4}), batch.labels[0] = torch::zeros({0}, torch::kLong);
    CHECK(std::isfinite(detector->losses(batch).total().item<double>()));
  }
}

TEST_CASE("in training each box has a level of noise of its own") {
  torch::manual_seed(6);
  Detector detector(diffusion_options());
  at::Tensor seen;  // what becomes of the times that the head is run with, [N * B, 4 * width]
  const auto time = detector->named_modules()["roi_heads.time"];
  REQUIRE(time);
  time->as<torch::nn::Sequential>()->push_back(torch::nn::Functional([&](at::Tensor x) {
    seen = x.detach();
    return x;
  }));
  detector->losses(some_batch(detector, 2));
  REQUIRE(seen.size(0) == 2 * 24);
  CHECK(std::get<0>(torch::unique_dim(seen, 0)).size(0) == 2 * 24);
}

TEST_CASE("with data_prior noise is boxes of the training set's, in training and in sampling") {
  torch::manual_seed(6);
  auto options = diffusion_options();
  options.diffusion.data_prior = true;
  options.diffusion.copies = 1;
  Detector detector(options);
  auto batch = some_batch(detector, 1);
  batch.boxes[0] = batch.boxes[0].slice(0, 0, 1), batch.labels[0] = batch.labels[0].slice(0, 0, 1);
  // Where all boxes of the training set are the object itself, noise changes nothing.
  const auto own = torch::tensor({30.f / 128, 45.f / 96, 40.f / 128, 50.f / 96}).view({1, 4});
  detector->set_prior(own.repeat({5, 1}));
  CHECK(detector->losses(batch).box_reg.item<double>() < 0.2);
  const auto other = torch::tensor({0.8f, 0.2f, 0.1f, 0.3f}).view({1, 4});
  detector->set_prior(other.repeat({5, 1}));
  CHECK(detector->losses(batch).box_reg.item<double>() > 2);
  detector->eval();
  const auto first = detector->sampling_steps(batch).front().before;
  const auto expected = torch::tensor({0.75f * 128, 0.05f * 96, 0.85f * 128, 0.35f * 96});
  CHECK(at::allclose(first, expected.expand({20, 4}), 1e-4, 1e-2));
}

TEST_CASE("a diffusion detector learns the boxes of an image", "[slow]") {
  torch::manual_seed(7);
  auto options = diffusion_options();
  options.backbone.norm = Norm::group;
  Detector detector(options);
  const auto batch = some_batch(detector, 2);
  torch::optim::AdamW optimizer(detector->parameters(), torch::optim::AdamWOptions(5e-4));
  // Each step draws other noise: means of many are compared.
  const int steps = 300, averaged = 30;
  double first = 0, last = 0;
  for (int step = 0; step < steps; ++step) {
    optimizer.zero_grad();
    const auto loss = detector->losses(batch).total();
    loss.backward();
    optimizer.step();
    if (step < averaged) first += loss.item<double>() / averaged;
    if (step >= steps - averaged) last += loss.item<double>() / averaged;
  }
  CHECK(last < first / 2);
  detector->eval();
  const auto found = detector->detect(batch);
  for (int64_t n = 0; n < 2; ++n) {
    REQUIRE(found[n].boxes.size(0) >= 2);
    const auto iou = std::get<0>(ops::box_iou(batch.boxes[n], found[n].boxes).max(1));
    CHECK(iou.min().item<double>() > 0.5);
  }
}

TEST_CASE("options of diffusion that contradict each other are refused by name") {
  auto options = diffusion_options();
  options.sampling.path = NoisePath::vp, options.sampling.sampler = Sampler::heun;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("sampler: expected euler, ddim or ddpm"));
  options.sampling.path = NoisePath::flow, options.sampling.sampler = Sampler::ddpm;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("sampler: expected euler, ddim or heun"));
  options = diffusion_options();
  options.diffusion.heads = 5;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("diffusion.heads"));
  options = diffusion_options();
  set_backbone(options, "resnet18-c4");
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("-fpn, for diffusion"));
}

TEST_CASE("steps, boxes and sampler of saved weights are replaced where they are given") {
  const TemporaryFolder folder;
  const auto file = folder.path / "w.safetensors";
  save_detector(file, Detector(diffusion_options()));
  const auto detector = load_detector(file, {}, {.steps = 4, .boxes = 7, .sampler = "heun"});
  CHECK(detector->options.sampling.steps == 4);
  CHECK(detector->options.sampling.boxes == 7);
  CHECK(detector->options.sampling.sampler == Sampler::heun);
  CHECK(load_detector(file)->options.sampling.boxes == 20);
  save_detector(file, Detector(tiny_options()));
  CHECK_THROWS_WITH(load_detector(file, {}, {.steps = 4}),
                    ContainsSubstring("expected a diffusion detector, got faster_rcnn"));
}
