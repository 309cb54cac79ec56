#include "lanner/detectors/pretraining/context.h"

namespace lanner::detectors {

ContextImpl::ContextImpl(int64_t channels, int64_t width, int blocks) {
  using Options = torch::nn::Conv2dOptions;
  for (int i = 0; i < blocks; ++i) {
    Block block{torch::nn::Conv2d(Options(channels, width, 1)),
                torch::nn::Conv2d(Options(width, width, {1, 3}).padding({0, 1})),
                torch::nn::Conv2d(Options(width, width, {2, 1})),
                torch::nn::Conv2d(Options(width, channels, 1))};
    auto module =
        register_module("block" + std::to_string(i), std::make_shared<torch::nn::Module>());
    module->register_module("in", block.in);
    module->register_module("across", block.across);
    module->register_module("down", block.down);
    module->register_module("out", block.out);
    blocks_.push_back(block);
  }
}

at::Tensor ContextImpl::forward(const at::Tensor& z) {
  auto x = z;
  for (auto& block : blocks_) {
    auto hidden = block.across(block.in(x).relu_());
    hidden = torch::constant_pad_nd(hidden, {0, 0, 1, 0});  // a row of zeros on top
    x = x + block.out(block.down(hidden).relu_());
  }
  return x.relu();
}

}  // namespace lanner::detectors
