#pragma once

#include <torch/torch.h>

namespace lanner::detectors {

// The masked convolutional context network of CPC v2 (arXiv 1905.09272, appendix): five residual
// blocks, zeros above the first row. The context at row r sees rows up to and including r, and
// every column. [N, channels, R, C] to the same.
class ContextImpl : public torch::nn::Module {
 public:
  explicit ContextImpl(int64_t channels, int64_t width = 256, int blocks = 5);
  at::Tensor forward(const at::Tensor& z);

 private:
  struct Block {
    torch::nn::Conv2d in, across, down, out;
  };
  std::vector<Block> blocks_;
};
TORCH_MODULE(Context);

}  // namespace lanner::detectors
