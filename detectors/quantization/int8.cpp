#include "lanner/detectors/quantization/int8.h"

#include <torch/version.h>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

using Scalars = c10::List<std::optional<at::Scalar>>;
using Sizes = torch::List<int64_t>;
using OptionalTensor = std::optional<at::Tensor>;
using OptionalType = std::optional<at::ScalarType>;

// With the arguments' types as LibTorch registers them, which typed() compares.
using PackConv = at::Tensor(at::Tensor, at::Tensor, double, int64_t, Sizes, Sizes, Sizes, int64_t,
                            std::optional<Sizes>);
using Conv = at::Tensor(at::Tensor, double, int64_t, at::Tensor, at::Tensor, at::Tensor,
                        OptionalTensor, Sizes, Sizes, Sizes, int64_t, double, int64_t, OptionalType,
                        std::string_view, Scalars, std::optional<std::string_view>);
using ConvSum = at::Tensor(at::Tensor, double, int64_t, at::Tensor, at::Tensor, at::Tensor,
                           at::Tensor, OptionalTensor, Sizes, Sizes, Sizes, int64_t, double,
                           int64_t, OptionalType, double, int64_t, std::string_view,
                           std::optional<at::Scalar>, std::optional<std::string_view>, Scalars,
                           std::optional<std::string_view>);
using PackLinear = at::Tensor(at::Tensor, std::optional<Sizes>);
using Linear = at::Tensor(at::Tensor, double, int64_t, at::Tensor, at::Tensor, at::Tensor,
                          OptionalTensor, double, int64_t, OptionalType, std::string_view, Scalars,
                          std::string_view);

template <class Signature>
c10::TypedOperatorHandle<Signature> find(const char* name, const char* overload) {
  const auto full = std::string(name) + (*overload ? "." : "") + overload;
  try {
    return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Signature>();
  } catch (const c10::Error&) {
    throw usage_error("quantization: this LibTorch, " TORCH_VERSION ", has no " + full +
                      " as lanner knows it from " + kInt8TestedWith);
  }
}

struct Operators {
  c10::TypedOperatorHandle<PackConv> pack_conv = find<PackConv>("onednn::qconv_prepack", "");
  c10::TypedOperatorHandle<Conv> conv = find<Conv>("onednn::qconv2d_pointwise", "");
  c10::TypedOperatorHandle<ConvSum> conv_sum = find<ConvSum>("onednn::qconv2d_pointwise", "binary");
  c10::TypedOperatorHandle<PackLinear> pack_linear =
      find<PackLinear>("onednn::qlinear_prepack", "");
  c10::TypedOperatorHandle<Linear> linear = find<Linear>("onednn::qlinear_pointwise", "");
};

const Operators& operators() {
  static const Operators all;
  return all;
}

// The operators take uint8 tensors, not quantized ones: the same memory, seen as either kind.
at::Tensor raw(const at::Tensor& quantized) {
  return at::empty({0}, at::kByte)
      .set_(quantized.storage(), quantized.storage_offset(), quantized.sizes(),
            quantized.strides());
}

at::Tensor with_affine(const at::Tensor& raw, const Affine& affine) {
  return at::_empty_affine_quantized({0}, at::device(at::kCPU).dtype(at::kQUInt8), affine.scale,
                                     affine.zero_point)
      .set_(raw.storage(), raw.storage_offset(), raw.sizes(), raw.strides());
}

at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

Sizes list(const std::array<int64_t, 2>& pair) { return Sizes({pair[0], pair[1]}); }

}  // namespace

void check_int8_operators() { operators(); }

at::Tensor quantize_tensor(const at::Tensor& x, const Affine& affine) {
  return at::quantize_per_tensor(x.to(at::kFloat), affine.scale, affine.zero_point, at::kQUInt8);
}

at::Tensor dequantized(const at::Tensor& x) {
  return x.defined() && x.is_quantized() ? x.dequantize() : x;
}

PackedWeight pack_conv(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& bias,
                       const Affine& input, const ConvGeometry& g, int64_t groups,
                       at::IntArrayRef x_shape) {
  return {operators().pack_conv.call(weight, scale, input.scale, input.zero_point, list(g.stride),
                                     list(g.padding), list(g.dilation), groups, Sizes(x_shape)),
          scale, at::zeros({scale.size(0)}, at::kLong), bias};
}

PackedWeight pack_linear(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& bias,
                         at::IntArrayRef x_shape) {
  return {operators().pack_linear.call(weight, Sizes(x_shape)), scale,
          at::zeros({scale.size(0)}, at::kLong), bias};
}

at::Tensor int8_conv(const at::Tensor& x, const PackedWeight& w, const at::Tensor& addend,
                     const ConvGeometry& g, int64_t groups, bool relu,
                     const std::optional<Affine>& output) {
  const auto input = raw(channels_last(x));
  const auto to = output.value_or(Affine{});
  const auto type = output ? at::kByte : at::kFloat;
  const char* activation = relu ? "relu" : "none";
  at::Tensor result;
  if (addend.defined())
    result = operators().conv_sum.call(
        input, x.q_scale(), x.q_zero_point(), w.packed, w.scale, w.zero_point,
        raw(channels_last(addend)), w.bias, list(g.stride), list(g.padding), list(g.dilation),
        groups, to.scale, to.zero_point, type, addend.q_scale(), addend.q_zero_point(), "sum",
        at::Scalar(1.0), activation, Scalars(), "");
  else
    result =
        operators().conv.call(input, x.q_scale(), x.q_zero_point(), w.packed, w.scale, w.zero_point,
                              w.bias, list(g.stride), list(g.padding), list(g.dilation), groups,
                              to.scale, to.zero_point, type, activation, Scalars(), "");
  return output ? with_affine(result, *output) : result;
}

at::Tensor int8_linear(const at::Tensor& x, const PackedWeight& w, bool relu,
                       const std::optional<Affine>& output) {
  const auto to = output.value_or(Affine{});
  const auto result = operators().linear.call(raw(x.contiguous()), x.q_scale(), x.q_zero_point(),
                                              w.packed, w.scale, w.zero_point, w.bias, to.scale,
                                              to.zero_point, output ? at::kByte : at::kFloat,
                                              relu ? "relu" : "none", Scalars(), "");
  return output ? with_affine(result, *output) : result;
}

}  // namespace lanner::detectors
