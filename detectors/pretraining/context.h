#pragma once

#include <torch/nn/modules/rnn.h>

#include "lanner/ops/torch.h"

#include <string>

namespace lanner::detectors {

// The context network of CPC (g_ar in arXiv 1807.03748). Maps a grid of patch features,
// [N, channels, R, C], to contexts of the same shape. The context at row r depends on rows 0..r
// only.
class Context : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& z) = 0;
};

// The masked convolutional network of CPC v2 (arXiv 1905.09272, appendix): residual blocks of 1x1,
// 1x3, 2x1 and 1x1 convolutions, padded with zeros above the first row. The receptive field
// includes all columns.
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

// A 1x3 convolution, followed by a GRU that runs down each column. The receptive field includes the
// adjacent columns. The PixelCNN of CPC v1 has the same vertical extent; arXiv 1601.06759 calls
// this a row LSTM.
class GruContext : public Context {
 public:
  explicit GruContext(int64_t channels);
  at::Tensor forward(const at::Tensor& z) override;

 private:
  torch::nn::Conv2d across_{nullptr};
  torch::nn::GRU down_{nullptr};
};

// name: "conv" or "gru". Throws usage_error for another name.
std::shared_ptr<Context> make_context(const std::string& name, int64_t channels);

}  // namespace lanner::detectors
