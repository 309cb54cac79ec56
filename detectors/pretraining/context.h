#pragma once

#include <torch/torch.h>

#include <string>

namespace lanner::detectors {

// What predicts from patches: [N, channels, R, C] to the same, where the context at row r sees rows
// up to and including r, and no row below.
class Context : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& z) = 0;
};

// The masked convolutional network of CPC v2 (arXiv 1905.09272, appendix): residual blocks of 1x1,
// 1x3, 2x1 and 1x1 convolutions, zeros above the first row. Sees every column.
class ConvContext : public Context {
 public:
  explicit ConvContext(int64_t channels, int64_t width = 256, int blocks = 5);
  at::Tensor forward(const at::Tensor& z) override;

 private:
  struct Block {
    torch::nn::Conv2d in, across, down, out;
  };
  std::vector<Block> blocks_;
};

// A gated recurrent unit that goes down each column (CPC v1's PixelCNN has the same reach; arXiv
// 1601.06759 calls it a row LSTM), after a 1x3 convolution: sees the columns beside its own.
class GruContext : public Context {
 public:
  explicit GruContext(int64_t channels);
  at::Tensor forward(const at::Tensor& z) override;

 private:
  torch::nn::Conv2d across_{nullptr};
  torch::nn::GRU down_{nullptr};
};

// name: conv or gru. Throws usage_error for another.
std::shared_ptr<Context> make_context(const std::string& name, int64_t channels);

}  // namespace lanner::detectors
