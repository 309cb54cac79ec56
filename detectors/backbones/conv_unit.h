#pragma once

#include <torch/torch.h>

#include <memory>
#include <mutex>

#include "lanner/detectors/backbones/norm.h"
#include "lanner/ops/deform_conv2d.h"

namespace lanner::detectors {

// A convolution with what follows it: norm (or none), an addend, ReLU. The modules are their
// owner's and keep the owner's names; this is how they run. A norm that is a line is
// folded into the convolution's weights. Without gradients on a CPU all of it is one pass of
// oneDNN's, with weights that are made ready at the first call and again when they have changed;
// under autocast in its type. Calls from several threads at once are safe.
class ConvUnit {
 public:
  ConvUnit() = default;
  ConvUnit(torch::nn::Conv2d conv, NormLayer norm, bool relu);

  // x: [N, C, H, W]; addend, where given, has the shape of the result, which takes its memory if
  // nobody else holds it.
  at::Tensor operator()(const at::Tensor& x, at::Tensor addend = {}) const;

  // The same with samples moved by `offset` and weighted by `mask`, as ops::deform_conv2d takes
  // them.
  at::Tensor deformed(const at::Tensor& x, const at::Tensor& offset,
                      const std::optional<at::Tensor>& mask, const at::Tensor& addend) const;

 private:
  struct Ready;
  struct Cache {
    std::mutex mutex;
    std::shared_ptr<const Ready> ready;
  };

  bool folds() const;
  std::pair<at::Tensor, at::Tensor> folded() const;  // weight, bias
  at::Tensor finish(at::Tensor x, bool normalised, const at::Tensor& addend) const;
  std::shared_ptr<const Ready> ready(at::ScalarType type) const;

  torch::nn::Conv2d conv_{nullptr};
  NormLayer norm_{nullptr};
  ops::DeformConv2dOptions sampling_;  // stride, padding, dilation
  bool relu_ = false;
  std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();
};

}  // namespace lanner::detectors
