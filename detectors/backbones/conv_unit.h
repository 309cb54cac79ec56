#pragma once

#include "lanner/ops/torch.h"

#include <memory>
#include <mutex>

#include "lanner/detectors/backbones/norm.h"
#include "lanner/ops/deform_conv2d.h"

namespace lanner::detectors {

// A convolution followed by a norm (or none), an addend and ReLU. The modules belong to their owner
// and keep its names; this runs them. An affine norm is folded into the convolution's weights.
// Without gradients on a CPU one pass computes all of it, under autocast in its type: Winograd's
// convolution, where that is faster, or oneDNN's.
//
// The folded weights are computed at the first call, and again after train(), eval() or to() of the
// module and after changes that torch counts: load_state(), optimizers, in-place operators. Code
// that writes to the memory behind torch's back (`.data` in Python) calls eval() afterwards.
//
// A quantized convolution takes quantized or float tensors, and computes as QuantizedLayer says.
//
// Calls from several threads at once are safe; changes of the weights meanwhile are not.
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
  struct FoldedWeights;
  // A child of the convolution without parameters, so that it hears of train() and to().
  struct Cache : torch::nn::Module {
    void train(bool on) override;
    void to(torch::Device device, torch::Dtype dtype, bool non_blocking) override;
    void to(torch::Dtype dtype, bool non_blocking) override;
    void to(torch::Device device, bool non_blocking) override;
    void clear();

    std::mutex mutex;
    std::shared_ptr<const FoldedWeights> weights;
  };

  bool folds() const;
  bool is_strided_pointwise(const at::Tensor& weight) const;
  std::pair<at::Tensor, at::Tensor> folded() const;  // weight, bias
  at::Tensor in_float(const at::Tensor& x, at::Tensor addend, bool done) const;
  // Without gradients. The result takes the memory of the addend, where there is one.
  at::Tensor convolve(const FoldedWeights& weights, const at::Tensor& x, at::Tensor addend,
                      bool relu) const;
  at::Tensor finish(at::Tensor x, bool norm_done, const at::Tensor& addend) const;
  std::shared_ptr<const FoldedWeights> folded_weights(at::ScalarType type) const;

  torch::nn::Conv2d conv_{nullptr};
  NormLayer norm_{nullptr};
  ops::DeformConv2dOptions sampling_;  // stride, padding, dilation
  bool relu_ = false;
  std::shared_ptr<Cache> cache_;
};

}  // namespace lanner::detectors
