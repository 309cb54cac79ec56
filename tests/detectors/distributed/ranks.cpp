#include "lanner/detectors/distributed/ranks.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "lanner/detectors/backbones/norm.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/distributed/synced_batch_norm.h"
#include "lanner/detectors/pretraining/objective.h"
#include "lanner/detectors/weights/safetensors.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("a process that torchrun did not start is the only rank") {
  join_ranks();
  CHECK(ranks().size == 1);
  CHECK(mean_over_ranks(3) == 3);
  CHECK(gather_over_ranks("a") == std::vector<std::string>{"a"});
  const auto rows = torch::rand({2, 3});
  CHECK(torch::equal(gather_rows(rows), rows));
}

TEST_CASE("the synced batch norm of one rank is torch's, with its gradients and statistics") {
  torch::manual_seed(1);
  const auto type = torch::TensorOptions(torch::kDouble);
  const auto shape = GENERATE(std::vector<int64_t>{3, 4, 5, 6}, std::vector<int64_t>{7, 4});
  const auto x = torch::randn(shape, type) * 2 + 3, gradient = torch::randn_like(x);
  const auto weight = torch::rand({4}, type), bias = torch::rand({4}, type);
  std::vector<std::vector<at::Tensor>> results;
  for (const bool synced : {false, true}) {
    std::vector<at::Tensor> inputs;
    for (const auto& t : {x, weight, bias}) inputs.push_back(t.clone().requires_grad_());
    const auto mean = torch::zeros({4}, type), variance = torch::ones({4}, type);
    const auto out =
        synced ? synced_batch_norm(inputs[0], inputs[1], inputs[2], mean, variance, 0.1, 1e-5)
               : torch::batch_norm(inputs[0], inputs[1], inputs[2], mean, variance, true, 0.1, 1e-5,
                                   false);
    auto all = torch::autograd::grad({out}, {inputs[0], inputs[1], inputs[2]}, {gradient});
    all.insert(all.end(), {out.detach(), mean, variance});
    results.push_back(all);
  }
  for (size_t i = 0; i < results[0].size(); ++i)
    CHECK(torch::allclose(results[0][i], results[1][i], 1e-9, 1e-9));
}

TEST_CASE("syncing reaches all batch norms of an objective, those of its projection too") {
  PretrainOptions options;
  options.objective = GENERATE("simclr", "regions");
  options.images = {"anywhere"}, options.loop.out = "nowhere";
  options.norm = Norm::batch;
  options.width = 16;
  const auto objective = make_objective(options);
  sync_norms(*objective);
  for (const auto& item : objective->named_modules()) {
    INFO(item.key() << " " << item.value()->name());
    if (item.value()->as<torch::nn::BatchNorm1d>()) FAIL("is not synced");
    if (const auto* norm = item.value()->as<NormLayer>()) CHECK(norm->synced);
  }
}

// Run by the next test in processes of their own.
TEST_CASE("a rank writes the gradients of its part of four images", "[.rank]") {
  const char* folder = std::getenv("LANNER_GRADIENTS");
  if (!folder) return;  // run by a filter, not by the test below
  join_ranks();
  for (auto [name, options] : tiny_detectors()) {
    if (options.backbone.norm == Norm::batch)  // of a part, which would be another function
      options.backbone.norm = Norm::none;
    torch::manual_seed(1);
    Detector detector(options);
    detector->to(torch::kDouble);
    auto batch = detector->prepare(std::vector<at::Tensor>(4, torch::zeros({3, 96, 128})));
    const auto type = torch::TensorOptions(torch::kDouble);
    batch.images = torch::randn(batch.images.sizes(), type);
    for (int i = 0; i < 4; ++i) {
      const auto corner = torch::rand({i, 2}, type) * 40;
      batch.boxes.push_back(torch::cat({corner, corner + 10 + torch::rand({i, 2}, type) * 40}, 1));
      batch.labels.push_back(torch::ones({i}, torch::kLong));
      batch.seeds.push_back(i);
    }
    const int count = 4 / ranks().size, first = count * ranks().rank;
    const auto part = [&](auto& of_images) {
      of_images.erase(of_images.begin() + first + count, of_images.end());
      of_images.erase(of_images.begin(), of_images.begin() + first);
    };
    part(batch.sizes), part(batch.original_sizes), part(batch.boxes), part(batch.labels);
    part(batch.seeds);
    batch.images = batch.images.narrow(0, first, count);
    GradientSync sync(detector->parameters());
    const auto loss = detector->losses(batch).total();
    sync.before_backward(loss);
    loss.backward();
    SafeTensors gradients;
    for (const auto& parameter : detector->named_parameters())
      gradients.tensors[parameter.key()] = parameter.value().grad();
    if (ranks().is_first()) write_safetensors(fs::path(folder) / name, gradients);
  }
}

TEST_CASE("in double, two ranks of two images have the gradients of one of four") {
  const TemporaryFolder folder;
  const auto self = fs::read_symlink("/proc/self/exe").string();
  const auto command = [&](const std::string& variables, const std::string& out) {
    return "LANNER_GRADIENTS=" + (folder.path / out).string() + " " + variables + " '" + self +
           "' '[.rank]' >/dev/null 2>&1";
  };
  c10d::TCPStoreOptions options;
  options.port = 0, options.isServer = true, options.waitWorkers = false;
  const c10d::TCPStore store("127.0.0.1", options);
  const auto rank = [&](int number) {
    return command(
        "TORCHELASTIC_USE_AGENT_STORE=True WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 "
        "MASTER_PORT=" +
            std::to_string(store.getPort()) + " RANK=" + std::to_string(number),
        "two");
  };
  REQUIRE(std::system(command("", "one").c_str()) == 0);
  REQUIRE(std::system((rank(1) + " & " + rank(0)).c_str()) == 0);
  int compared = 0;
  for (const auto& file : fs::directory_iterator(folder.path / "one")) {
    INFO(file.path().filename());
    const auto one = read_safetensors(file),
               two = read_safetensors(folder.path / "two" / file.path().filename());
    for (const auto& [name, gradient] : one.tensors) {
      INFO(name);
      const double error = (gradient - two.tensors.at(name)).norm().item<double>();
      CHECK(error <= 1e-10 * gradient.norm().item<double>());
      ++compared;
    }
  }
  CHECK(compared > 100);
}
