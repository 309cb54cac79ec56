#include "lanner/detectors/pretraining/context.h"

#include <torch/nn/modules/rnn.h>

#include "lanner/datasets/error.h"

namespace lanner::detectors {

using ConvOptions = torch::nn::Conv2dOptions;

ConvContext::ConvContext(int64_t channels, int64_t width, int blocks) {
  for (int i = 0; i < blocks; ++i) {
    Block block{torch::nn::Conv2d(ConvOptions(channels, width, 1)),
                torch::nn::Conv2d(ConvOptions(width, width, {1, 3}).padding({0, 1})),
                torch::nn::Conv2d(ConvOptions(width, width, {2, 1})),
                torch::nn::Conv2d(ConvOptions(width, channels, 1))};
    auto module =
        register_module("block" + std::to_string(i), std::make_shared<torch::nn::Module>());
    module->register_module("in", block.in);
    module->register_module("across", block.across);
    module->register_module("down", block.down);
    module->register_module("out", block.out);
    blocks_.push_back(block);
  }
}

at::Tensor ConvContext::forward(const at::Tensor& z) {
  auto x = z;
  for (auto& block : blocks_) {
    auto hidden = block.across(block.in(x).relu_());
    hidden = torch::constant_pad_nd(hidden, {0, 0, 1, 0});  // pad the top
    x = x + block.out(block.down(hidden).relu_());
  }
  return x.relu();
}

GruContext::GruContext(int64_t channels)
    : across_(register_module(
          "across", torch::nn::Conv2d(ConvOptions(channels, channels, {1, 3}).padding({0, 1})))),
      down_(register_module("down", torch::nn::GRU(channels, channels))) {}

at::Tensor GruContext::forward(const at::Tensor& z) {
  const int64_t N = z.size(0), D = z.size(1), R = z.size(2), C = z.size(3);
  const auto rows = across_(z).permute({2, 0, 3, 1}).reshape({R, N * C, D});
  // Autocast would run cuDNN's GRU in float16, whose gradients underflow.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto states = std::get<0>(down_(rows.to(torch::kFloat)));
  return states.view({R, N, C, D}).permute({1, 3, 0, 2});
}

std::shared_ptr<Context> make_context(const std::string& name, int64_t channels) {
  if (name == "conv") return std::make_shared<ConvContext>(channels);
  if (name == "gru") return std::make_shared<GruContext>(channels);
  throw usage_error("context: expected conv or gru, got \"" + name + "\"");
}

}  // namespace lanner::detectors
