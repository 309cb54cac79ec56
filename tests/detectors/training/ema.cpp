#include "lanner/detectors/training/ema.h"

#include "lanner/detectors/weights/checkpoint.h"
#include "tests/catch.h"

using namespace lanner;
using namespace lanner::detectors;

namespace {

struct ConvNet : torch::nn::Module {
  torch::nn::Conv2d conv{torch::nn::Conv2dOptions(3, 4, 3)};
  ConvNet() {
    register_module("conv", conv);
    conv->weight.set_data(conv->weight.contiguous(at::MemoryFormat::ChannelsLast));
    register_buffer("steps", torch::zeros({1}, torch::kLong));
  }
};

}  // namespace

TEST_CASE("the averaged weights are in the module for a scope, whatever is thrown in it") {
  torch::manual_seed(1);
  ConvNet net;
  Ema ema(net, 0.5);
  const torch::NoGradGuard no_grad;
  const auto first = net.conv->weight.clone();
  net.conv->weight.add_(1);
  const auto raw = net.conv->weight.clone();
  ema.update(1000);
  for (int attempt = 0; attempt < 2; ++attempt) {  // a save that fails twice
    CHECK_THROWS([&] {
      const AveragedWeights averaged(ema);
      CHECK(at::allclose(net.conv->weight, (first + raw) / 2));
      throw std::runtime_error("the disk is full");
    }());
    CHECK(at::equal(net.conv->weight, raw));
  }
}

TEST_CASE(
    "average and raw weights come back from a checkpoint, under the names of version 0.1 too") {
  torch::manual_seed(2);
  for (const std::string prefix : {"training.raw.", "training.live."}) {
    const torch::NoGradGuard no_grad;
    ConvNet net, resumed;
    Ema ema(net, 0.5);
    net.conv->weight.add_(1);
    ema.update(1000);
    std::map<std::string, at::Tensor> tensors, checkpoint;
    {
      const AveragedWeights averaged(ema);
      for (const auto& [name, tensor] : state_of(net)) checkpoint[name] = tensor.clone();
      ema.save(tensors);
      for (const auto& [name, tensor] : tensors)
        checkpoint[prefix + name.substr(std::string("training.raw.").size())] = tensor.clone();
    }
    Ema other(resumed, 0.5);
    load_state(resumed, checkpoint, "w");
    other.load(checkpoint, "w");
    CHECK(at::equal(resumed.conv->weight, net.conv->weight));
    const AveragedWeights averaged(other);
    CHECK(at::equal(resumed.conv->weight, checkpoint.at("conv.weight")));
    checkpoint.erase(prefix + "conv.weight");
    CHECK_THROWS_WITH(other.load(checkpoint, "w"),
                      ContainsSubstring("w: training.raw.conv.weight: missing"));
  }
}
