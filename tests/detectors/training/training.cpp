#include "lanner/datasets/error.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>
#include "lanner/datasets/files.h"
#include "lanner/datasets/synthetic.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/training/ema.h"
#include "lanner/detectors/training/metrics_log.h"
#include "lanner/detectors/training/optimizer.h"
#include "lanner/detectors/training/schedule.h"
#include "lanner/detectors/training/train.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

struct NetImpl : torch::nn::Module {
  torch::nn::Conv2d conv{torch::nn::Conv2dOptions(3, 4, 3)};
  torch::nn::Linear linear{4, 2};
  NetImpl() {
    register_module("conv", conv);
    register_module("linear", linear);
    conv->weight.set_data(conv->weight.contiguous(at::MemoryFormat::ChannelsLast));
  }
  at::Tensor forward(const at::Tensor& x) { return linear(conv(x).relu().mean({2, 3})); }
};
TORCH_MODULE(Net);

const auto never = [] { return false; };

TrainOptions tiny_run(const fs::path& data, const fs::path& out) {
  TrainOptions options = preset("small").options;
  options.data = data.string() + ":train";
  options.detector = tiny_options(0);
  options.loop.out = out;
  options.loop.epochs = 2;
  options.loop.batch_size = 2;
  options.loop.warmup_steps = 2;
  options.loop.log_every = 1;
  options.loop.amp = "false";
  return options;
}

}  // namespace

TEST_CASE("amp is true, false or measured") {
  CHECK(use_bfloat16("true", at::kCPU));
  CHECK_FALSE(use_bfloat16("false", at::kCPU));
  CHECK(use_bfloat16("auto", at::kCUDA));
  CHECK_NOTHROW(use_bfloat16("auto", at::kCPU));
  CHECK_THROWS_WITH(use_bfloat16("1", at::kCPU),
                    ContainsSubstring("amp: expected true, false or auto, got \"1\""));
}

TEST_CASE("the optimizer steps as torch::optim does, norms and biases without decay") {
  for (const std::string kind : {"sgd", "adamw"}) {
    torch::manual_seed(5);
    Net ours, theirs;
    load_state(*theirs, state_of(*ours), "net");
    LoopOptions options;
    options.optimizer = kind, options.lr = 0.1, options.weight_decay = 0.01;
    Optimizer optimizer(*ours, options);
    const std::vector<at::Tensor> decaying{theirs->conv->weight, theirs->linear->weight};
    const std::vector<at::Tensor> others{theirs->conv->bias, theirs->linear->bias};
    std::vector<std::unique_ptr<torch::optim::Optimizer>> reference;
    if (kind == "sgd") {
      auto sgd = torch::optim::SGDOptions(0.1).momentum(0.9);
      reference.push_back(std::make_unique<torch::optim::SGD>(others, sgd));
      reference.push_back(std::make_unique<torch::optim::SGD>(decaying, sgd.weight_decay(0.01)));
    } else {
      auto adamw = torch::optim::AdamWOptions(0.1).weight_decay(0);
      reference.push_back(std::make_unique<torch::optim::AdamW>(others, adamw));
      reference.push_back(
          std::make_unique<torch::optim::AdamW>(decaying, adamw.weight_decay(0.01)));
    }
    for (int i = 0; i < 4; ++i) {
      const auto x = torch::rand({2, 3, 6, 6});
      optimizer.zero_grad();
      ours(x).pow(2).sum().backward();
      optimizer.step(0.1);
      for (auto& part : reference) part->zero_grad();
      theirs(x).pow(2).sum().backward();
      for (auto& part : reference) part->step();
    }
    for (const auto& [name, tensor] : state_of(*ours)) {
      INFO(kind << " " << name);
      CHECK(at::allclose(tensor, state_of(*theirs).at(name), 1e-4, 1e-5));
    }
  }
}

TEST_CASE("gradients are clipped as torch::nn::utils does") {
  torch::manual_seed(3);
  const auto make = [] {
    auto net = std::make_shared<torch::nn::LinearImpl>(4, 3);
    torch::NoGradGuard no_grad;
    for (auto& parameter : net->parameters()) parameter.fill_(0.5);
    return net;
  };
  for (const double norm : {0.1, 100.}) {
    const auto ours = make(), theirs = make();
    Optimizer optimizer(*ours, LoopOptions{});
    for (const auto& net : {ours, theirs})
      net->forward(torch::arange(8, torch::kFloat).view({2, 4})).square().sum().backward();
    optimizer.clip_gradients(norm);
    torch::nn::utils::clip_grad_norm_(theirs->parameters(), norm);
    for (size_t i = 0; i < 2; ++i)
      CHECK(at::allclose(ours->parameters()[i].grad(), theirs->parameters()[i].grad()));
  }
}

TEST_CASE("parameters whose names hold a text have their own learning rate") {
  torch::manual_seed(6);
  Net net;
  const auto before = net->conv->weight.detach().clone(),
             other = net->linear->weight.detach().clone();
  LoopOptions options;
  options.momentum = 0, options.weight_decay = 0;
  options.lr_factors = {{"linear", 0.5}, {"linear.w", 0.2}};
  Optimizer optimizer(*net, options);
  net(torch::rand({2, 3, 6, 6})).sum().backward();
  optimizer.step(0.1);
  CHECK(at::allclose(net->conv->weight, before - 0.1 * net->conv->weight.grad()));
  CHECK(at::allclose(net->linear->weight, other - 0.01 * net->linear->weight.grad()));
  options.lr_factors = {{"offset", 0.1}};
  CHECK_THROWS_WITH(Optimizer(*net, options),
                    ContainsSubstring("lr_factors: no parameter's name holds \"offset\""));
}

TEST_CASE("what --init gave learns at its own rate, what it did not give at the run's") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path, .images = 5, .width = 96, .height = 80});
  torch::manual_seed(8);
  Detector given(tiny_options());
  auto state = state_of(*given);
  std::erase_if(state,
                [](const auto& item) { return item.first.find("layer4") != std::string::npos; });
  write_safetensors(folder.path / "init.safetensors", {state, {}});
  auto options = tiny_run(folder.path, folder.path / "run");
  options.init = folder.path / "init.safetensors";
  options.init_lr = 1e-9;
  options.loop.weight_decay = 0, options.loop.ema_decay = 0;
  CHECK(train(options, never) == LoopEnd::finished);
  const auto after = read_safetensors(folder.path / "run/last.safetensors").tensors;
  const auto name = "backbone.body.layer2.0.conv1.weight";
  CHECK(at::allclose(after.at(name), state.at(name), 1e-4, 1e-6));
  // A fresh layer starts where the run's seed puts it.
  torch::manual_seed(options.loop.seed);
  auto fresh = options.detector;
  fresh.categories = datasets::open_dataset(options.data).categories;
  const auto begun = state_of(*Detector(fresh));
  const auto layer4 = "backbone.body.layer4.0.conv1.weight";
  CHECK_FALSE(at::allclose(after.at(layer4), begun.at(layer4), 1e-4, 1e-6));
  CHECK_THAT(read(folder.path / "run/report.html"),
             ContainsSubstring("fresh: backbone.body.layer4, "));
  options.init_lr = 0, options.loop.out = folder.path / "other";
  CHECK_THROWS_WITH(train(options, never), ContainsSubstring("init_lr: expected > 0, got 0"));
}

TEST_CASE("what is kept of a detector's weights follows the optimizer") {
  torch::manual_seed(7);
  auto options = tiny_options();
  options.backbone.norm = Norm::frozen_batch;
  options.roi.score_threshold = 0;
  Detector detector(options);
  LoopOptions loop;
  loop.weight_decay = 0;
  Optimizer optimizer(*detector, loop);
  auto batch = detector->prepare({torch::rand({3, 96, 128})});
  detector->set_targets(batch, {torch::tensor({10.f, 10.f, 60.f, 70.f}).view({1, 4})},
                        {torch::ones({1}, torch::kLong)});
  const auto weight = detector->named_parameters()["backbone.body.layer2.0.conv1.weight"];
  for (int i = 0; i < 2; ++i) {
    const auto version = weight._version();
    optimizer.zero_grad();
    detector->losses(batch).total().backward();
    optimizer.step(0.01);
    CHECK(weight._version() > version);
  }
}

TEST_CASE("schedules warm up, and fall as they promise") {
  LoopOptions options;
  options.warmup_steps = 10;
  CHECK(schedule_factor(options, 0, 0) == Approx(0.001));
  CHECK(schedule_factor(options, 10, 0.1) == 1);
  CHECK(schedule_factor(options, 100, 0.7) == Approx(0.1));
  CHECK(schedule_factor(options, 100, 0.9) == Approx(0.01));
  CHECK(schedule_factor(options, 5, 0.1) == 1);  // a tenth of the run is warm-up enough
  CHECK(warming_up(options, 9, 0.09));
  CHECK_FALSE(warming_up(options, 9, 0.1));
  CHECK_FALSE(warming_up(options, 10, 0.09));
  options.schedule = "cosine";
  CHECK(schedule_factor(options, 100, 0.5) == Approx(0.5));
  CHECK(schedule_factor(options, 100, 1) == Approx(0).margin(1e-9));
}

TEST_CASE("a run has max_steps steps instead of those of its epochs, and its schedule ends there") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto options = tiny_run(folder.path / "data", folder.path / "run");
  options.loop.max_steps = 7;  // in epochs: 6
  options.loop.schedule = "cosine";
  CHECK(train(options, never) == LoopEnd::finished);
  std::istringstream log(read(folder.path / "run/metrics.jsonl"));
  std::vector<double> rates;
  for (std::string line; std::getline(log, line);)
    rates.push_back(nlohmann::json::parse(line).at("lr"));
  REQUIRE(rates.size() == 7);
  CHECK(rates.back() == Approx(options.loop.lr * (1 + std::cos(std::numbers::pi * 6 / 7)) / 2));
}

TEST_CASE("a run that failed before its first step leaves its folder free") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto options = tiny_run(folder.path / "data", folder.path / "run");
  fs::rename(folder.path / "data/JPEGImages", folder.path / "data/elsewhere");
  CHECK_THROWS_AS(train(options, never), Error);
  fs::rename(folder.path / "data/elsewhere", folder.path / "data/JPEGImages");
  options.loop.max_steps = 1;
  CHECK(train(options, never) == LoopEnd::finished);
}

TEST_CASE(
    "a folder that holds the best weights alone is not written over, nor files that are not ours") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto options = tiny_run(folder.path / "data", folder.path / "run");
  options.loop.max_steps = 2, options.loop.keep = 1, options.loop.save_minutes = 1e-9;
  fs::create_directories(folder.path / "run/checkpoints");
  datasets::write_file(folder.path / "run/checkpoints/best_old.safetensors", "kept");
  CHECK(train(options, never) == LoopEnd::finished);
  CHECK(fs::exists(folder.path / "run/checkpoints/best_old.safetensors"));
  CHECK(fs::exists(folder.path / "run/checkpoints/000000002.safetensors"));
  CHECK_FALSE(fs::exists(folder.path / "run/checkpoints/000000001.safetensors"));
  fs::remove(folder.path / "run/last.safetensors");
  CHECK_THROWS_WITH(train(options, never), ContainsSubstring("already contains a run"));
}

TEST_CASE("a run that was stopped and resumed ends with the weights of one that was not") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto whole = tiny_run(folder.path / "data", folder.path / "whole");
  CHECK(train(whole, never) == LoopEnd::finished);
  auto parts = tiny_run(folder.path / "data", folder.path / "parts");
  int asked = 0;
  CHECK(train(parts, [&] { return ++asked > 3; }) == LoopEnd::stopped);
  parts.loop.resume = true;
  CHECK(train(parts, never) == LoopEnd::finished);
  const auto a = read_safetensors(folder.path / "whole/last.safetensors");
  const auto b = read_safetensors(folder.path / "parts/last.safetensors");
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) {
    INFO(name);
    CHECK(at::allclose(tensor, b.tensors.at(name), 1e-3, 1e-4));
  }
  CHECK(fs::exists(folder.path / "parts/best.safetensors"));
  const auto log = read(folder.path / "parts/metrics.jsonl");
  CHECK(std::count(log.begin(), log.end(), '\n') == 6);  // 3 steps an epoch, none lost or twice
}

TEST_CASE("a loss that is not finite stops the run and names step and images") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto options = tiny_run(folder.path / "data", folder.path / "run");
  options.loop.warmup_steps = 0;
  int asked = 0;
  CHECK(train(options, [&] { return ++asked > 1; }) == LoopEnd::stopped);
  const auto good = read(folder.path / "run/last.safetensors");
  options.loop.lr = 1e30;
  options.loop.resume = true;
  CHECK_THROWS_WITH(train(options, never),
                    ContainsSubstring("the loss is not finite") && ContainsSubstring("scene_0000"));
  CHECK(read(folder.path / "run/last.safetensors") == good);  // to go on from with a lower lr
}

TEST_CASE("a folder that holds a run is not written over") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  const auto options = tiny_run(folder.path / "data", folder.path / "run");
  train(options, never);
  const auto before = read(folder.path / "run/last.safetensors");
  CHECK_THROWS_WITH(train(options, never), ContainsSubstring("run already contains a run"));
  CHECK(read(folder.path / "run/last.safetensors") == before);
}

TEST_CASE("a resumed log keeps the lines up to its step and drops what will come again") {
  const TemporaryFolder folder;
  const auto file = folder.path / "metrics.jsonl";
  write(file, "{\"step\":5}\n{\"step\":10}\n{\"step\":15}\n{\"ste");
  MetricsLog(folder.path, 10).write({{"step", 11}});
  CHECK(read(file) == "{\"step\":5}\n{\"step\":10}\n{\"step\":11}\n");
}

TEST_CASE("the table of evaluations goes on when a run is resumed that measures more") {
  const TemporaryFolder folder;
  {
    MetricsLog log(folder.path, 0);
    log.write({{"step", 99999}, {"loss", 1.5}});
    log.write_evaluation({{"step", 100000}, {"elapsed", 3.5}, {"val_AP", 0.25}});
    log.write_evaluation({{"step", 200000}, {"elapsed", 9.5}, {"val_AP", 0.5}});
  }
  MetricsLog log(folder.path, 100000);
  log.write_evaluation({{"step", 200000}, {"elapsed", 8}, {"val_AP", 0.75}, {"val_loss", 2}});
  CHECK(read(folder.path / "results.csv") ==
        "step,elapsed,val_AP,val_loss\n100000,3.5,0.25,\n200000,8,0.75,2\n");
}

TEST_CASE("what was learned is kept when an evaluation meets a damaged image, or is stopped") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto options = tiny_run(folder.path / "data", folder.path / "stopped");
  options.val = (folder.path / "data").string() + ":val";
  options.evaluations = 2;
  int asked = 0;
  CHECK(train(options, [&] { return ++asked > 4; }) == LoopEnd::stopped);
  CHECK(fs::exists(folder.path / "stopped/last.safetensors"));
  CHECK_THAT(read(folder.path / "stopped/last.safetensors"),
             ContainsSubstring("\\\"evaluations\\\":0"));  // it comes again
  options.loop.out = folder.path / "damaged";
  write(folder.path / "data/JPEGImages/scene_00000.jpg", "no image");  // the val split
  CHECK_THROWS_WITH(train(options, never), ContainsSubstring("scene_00000.jpg: image:"));
  CHECK(fs::exists(folder.path / "damaged/last.safetensors"));
}

TEST_CASE("what was learned is kept when a device runs out of memory") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  const auto options = tiny_run(folder.path / "data", folder.path / "run");
  int asked = 0;
  const auto runs_out = [&] {
    TORCH_CHECK_WITH(OutOfMemoryError, ++asked < 3, "tried to allocate 3 GiB");
    return false;
  };
  CHECK_THROWS_WITH(train(options, runs_out),
                    ContainsSubstring("device: out of memory") && ContainsSubstring("3 GiB"));
  CHECK_THAT(read(folder.path / "run/last.safetensors"), ContainsSubstring("\\\"step\\\":2"));
}

TEST_CASE("any exception is preceded by a save, and torch's generator is left as it was") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto options = tiny_run(folder.path / "data", folder.path / "run");
  torch::manual_seed(77);
  const auto expected = torch::rand({5});
  torch::manual_seed(77);
  int asked = 0;
  const auto fails = [&] {
    if (++asked == 3) throw std::logic_error("not one of lanner's");
    return false;
  };
  CHECK_THROWS_WITH(train(options, fails), ContainsSubstring("not one of lanner's"));
  CHECK_THAT(read(folder.path / "run/last.safetensors"), ContainsSubstring("\\\"step\\\":2"));
  CHECK(at::equal(torch::rand({5}), expected));
}

TEST_CASE("a checkpoint is saved after save_minutes of training") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto options = tiny_run(folder.path / "data", folder.path / "run");
  options.loop.save_minutes = 1e-9;
  int asked = 0;
  const auto saved_step = [&] {
    if (++asked == 3)
      CHECK_THAT(read(folder.path / "run/last.safetensors"), ContainsSubstring("\\\"step\\\":2"));
    return asked == 3;
  };
  CHECK(train(options, saved_step) == LoopEnd::stopped);
  options.loop.save_minutes = 0, options.loop.out = folder.path / "other";
  CHECK_THROWS_WITH(train(options, never), ContainsSubstring("save_minutes: expected > 0, got 0"));
}

TEST_CASE("resuming asks for a run to resume") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path / "data", .images = 8, .width = 128, .height = 96});
  auto options = tiny_run(folder.path / "data", folder.path / "run");
  options.loop.resume = true;
  CHECK_THROWS_WITH(train(options, never), ContainsSubstring("last.safetensors: no such file"));
  options.loop.resume = false;
  options.loop.optimizer = "lion";
  CHECK_THROWS_WITH(train(options, never),
                    ContainsSubstring("optimizer: expected sgd or adamw, got \"lion\""));
}
