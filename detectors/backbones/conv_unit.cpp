#include "lanner/detectors/backbones/conv_unit.h"

#include <ATen/autocast_mode.h>

#include "lanner/detectors/quantization/layer_observer.h"
#include "lanner/detectors/quantization/quantized_layer.h"
#include "lanner/ops/winograd_conv2d.h"

namespace lanner::detectors {
namespace {

// The memory of a tensor, and torch's count of the changes to it.
using Version = std::pair<const void*, int64_t>;

Version version_of(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.numel() == 0) return {};
  return {tensor.const_data_ptr(), tensor.is_inference() ? 0 : tensor._version()};
}

using Scalars = c10::List<std::optional<at::Scalar>>;

at::Tensor pointwise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     const ops::DeformConv2dOptions& o, bool relu) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_convolution_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                            std::string_view, Scalars, std::optional<std::string_view>)>();
  return op.call(x, weight, bias, o.padding, o.stride, o.dilation, x.size(1) / weight.size(1),
                 relu ? "relu" : "none", Scalars(), "");
}

// Onto the addend.
void pointwise_sum(const at::Tensor& x, at::Tensor& addend, const at::Tensor& weight,
                   const at::Tensor& bias, const ops::DeformConv2dOptions& o, bool relu) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_convolution_pointwise_", "binary")
          .typed<at::Tensor&(at::Tensor&, const at::Tensor&, const at::Tensor&,
                             const std::optional<at::Tensor>&, at::IntArrayRef, at::IntArrayRef,
                             at::IntArrayRef, int64_t, std::string_view, std::optional<at::Scalar>,
                             std::optional<std::string_view>, Scalars,
                             std::optional<std::string_view>)>();
  op.call(addend, x, weight, bias, o.padding, o.stride, o.dilation, x.size(1) / weight.size(1),
          "add", at::Scalar(1.0), relu ? std::optional<std::string_view>("relu") : std::nullopt,
          Scalars(), std::nullopt);
}

// The type that a convolution computes in.
at::ScalarType compute_type(const at::Tensor& x) {
  return at::autocast::is_autocast_enabled(x.device().type())
             ? at::autocast::get_autocast_dtype(x.device().type())
             : x.scalar_type();
}

bool has_amx() {
#ifdef __x86_64__
  return __builtin_cpu_supports("amx-bf16");
#else
  return false;
#endif
}

// Whether Winograd's form of a convolution is faster than oneDNN's direct one.
bool prefers_winograd(const at::Tensor& weight, const ops::DeformConv2dOptions& o, int64_t groups) {
  constexpr int64_t kMinChannels = 32;
  return ops::is_winograd_conv2d(weight, o.stride, o.dilation, groups) &&
         std::min(weight.size(0), weight.size(1)) >= kMinChannels;
}

bool fuses(const at::Tensor& x, at::ScalarType type) {
  return !at::GradMode::is_enabled() && x.is_cpu() && at::hasMKLDNN() && x.numel() > 0 &&
         (type == at::kFloat || (type == at::kBFloat16 && at::get_cpu_capability() == "AVX512"));
}

}  // namespace

struct ConvUnit::FoldedWeights {
  // What the weights were computed from.
  struct Source {
    at::ScalarType type;
    bool folded;
    double eps;
    std::array<Version, 6> versions;
    bool operator==(const Source&) const = default;
  } source;
  at::Tensor weight, bias;
  std::optional<ops::WinogradWeight> winograd;  // in place of the weight
};

void ConvUnit::Cache::train(bool on) {
  clear();
  torch::nn::Module::train(on);
}
void ConvUnit::Cache::to(torch::Device, torch::Dtype, bool) { clear(); }
void ConvUnit::Cache::to(torch::Dtype, bool) { clear(); }
void ConvUnit::Cache::to(torch::Device, bool) { clear(); }
void ConvUnit::Cache::clear() {
  const std::lock_guard lock(mutex);
  weights.reset();
}

ConvUnit::ConvUnit(torch::nn::Conv2d conv, NormLayer norm, bool relu)
    : conv_(std::move(conv)),
      norm_(std::move(norm)),
      relu_(relu),
      cache_(conv_->register_module("folded", std::make_shared<Cache>())) {
  const auto& o = conv_->options;
  const auto& padding = std::get<torch::ExpandingArray<2>>(o.padding());
  sampling_ = {{(*o.stride())[0], (*o.stride())[1]},
               {(*padding)[0], (*padding)[1]},
               {(*o.dilation())[0], (*o.dilation())[1]}};
}

bool ConvUnit::folds() const { return !norm_.is_empty() && norm_->is_affine(); }

std::pair<at::Tensor, at::Tensor> ConvUnit::folded() const {
  if (!folds()) return {conv_->weight, conv_->bias};
  const auto [scale, shift] = norm_->affine();
  return {conv_->weight * scale.view({-1, 1, 1, 1}),
          conv_->bias.defined() ? shift + conv_->bias * scale : shift};
}

std::shared_ptr<const ConvUnit::FoldedWeights> ConvUnit::folded_weights(at::ScalarType type) const {
  FoldedWeights::Source source{
      type, folds(), 0, {version_of(conv_->weight), version_of(conv_->bias)}};
  if (source.folded) {
    source.eps = norm_->eps;
    source.versions = {source.versions[0],
                       source.versions[1],
                       version_of(norm_->weight),
                       version_of(norm_->bias),
                       version_of(norm_->running_mean),
                       version_of(norm_->running_var)};
  }
  const std::lock_guard lock(cache_->mutex);
  auto& cached = cache_->weights;
  if (cached && cached->source == source) return cached;
  const auto [weight, bias] = folded();
  FoldedWeights made{source, {}, {}, {}};
  // AMX multiplies bfloat16 eight times as fast as float32, in which Winograd's form is computed.
  const bool by_amx = type == at::kBFloat16 && has_amx();
  if (!by_amx && prefers_winograd(weight, sampling_, conv_->options.groups()))
    made.winograd = ops::winograd_weight(weight, type);
  else  // not packed as oneDNN would have it: that is not faster, and slower for other image sizes
    made.weight = weight.detach().to(type).contiguous(at::MemoryFormat::ChannelsLast);
  if (bias.defined()) made.bias = bias.detach().to(type);
  return cached = std::make_shared<FoldedWeights>(std::move(made));
}

at::Tensor ConvUnit::finish(at::Tensor x, bool norm_done, const at::Tensor& addend) const {
  if (!norm_done && !norm_.is_empty()) x = norm_.ptr()->forward(x);
  if (addend.defined()) x = x.add_(addend);
  return relu_ ? x.relu_() : x;
}

at::Tensor ConvUnit::operator()(const at::Tensor& input, at::Tensor addend) const {
  const bool done = norm_.is_empty() || folds();
  const auto groups = conv_->options.groups();
  if (const auto int8 = quantized(*conv_)) {
    if (done) return int8->conv(input, std::move(addend), sampling_, groups, relu_);
    return finish(int8->conv(input, {}, sampling_, groups, false), done, dequantized(addend));
  }
  const auto x = dequantized(input);
  if (addend.defined() && addend.is_quantized()) addend = addend.dequantize();
  auto result = in_float(x, std::move(addend), done);
  if (auto* observer = layer_observer()) {
    const auto [weight, bias] = folded();
    observer->observe({*conv_.ptr(), x, result, weight, bias, sampling_, groups, done});
  }
  return result;
}

// Whether the convolution only reads every other pixel of few channels. There, oneDNN's backward
// pass with AVX-512 (LibTorch 2.11) writes beyond its memory; without a stride it does not.
bool ConvUnit::is_strided_pointwise(const at::Tensor& weight) const {
  return weight.size(1) < 16 && weight.size(2) == 1 && weight.size(3) == 1 &&
         sampling_.padding[0] == 0 && sampling_.stride[0] > 1 && !weight.is_cuda();
}

at::Tensor ConvUnit::convolve(const FoldedWeights& weights, const at::Tensor& x, at::Tensor addend,
                              bool relu) const {
  if (weights.winograd)
    return ops::winograd_conv2d(x, *weights.winograd, weights.bias, sampling_.padding, relu,
                                std::move(addend));
  if (!addend.defined()) return pointwise(x, weights.weight, weights.bias, sampling_, relu);
  pointwise_sum(x, addend, weights.weight, weights.bias, sampling_, relu);
  return addend;
}

at::Tensor ConvUnit::in_float(const at::Tensor& x, at::Tensor addend, bool done) const {
  const auto type = compute_type(x);
  if (fuses(x, type)) {
    const auto weights = folded_weights(type);
    const auto input = x.to(type).contiguous(at::MemoryFormat::ChannelsLast);
    if (!done) return finish(convolve(*weights, input, {}, false), done, addend);
    if (addend.defined()) {
      addend = addend.to(type).contiguous(at::MemoryFormat::ChannelsLast);
      if (addend.use_count() > 1 || addend.storage().use_count() > 1) addend = addend.clone();
    }
    return convolve(*weights, input, std::move(addend), relu_);
  }
  const auto [weight, bias] = folded();
  if (is_strided_pointwise(weight)) {
    const auto input = at::slice(at::slice(x, 2, 0, x.size(2), sampling_.stride[0]), 3, 0,
                                 x.size(3), sampling_.stride[1]);
    return finish(at::conv2d(input, weight, bias, {1, 1}, at::IntArrayRef{0, 0}, {1, 1},
                             conv_->options.groups()),
                  done, addend);
  }
  // Fewer pixels do not make up for the transforms of weights that change at every step.
  constexpr int64_t kMinPixels = 512;
  if (x.is_cpu() && type == at::kFloat && x.scalar_type() == type &&
      x.size(0) * x.size(2) * x.size(3) >= kMinPixels &&
      prefers_winograd(weight, sampling_, conv_->options.groups()))
    return finish(ops::winograd_conv2d(x.contiguous(at::MemoryFormat::ChannelsLast), weight, bias,
                                       sampling_.padding),
                  done, addend);
  return finish(at::conv2d(x, weight, bias, sampling_.stride, sampling_.padding, sampling_.dilation,
                           conv_->options.groups()),
                done, addend);
}

at::Tensor ConvUnit::deformed(const at::Tensor& x, const at::Tensor& offset,
                              const std::optional<at::Tensor>& mask,
                              const at::Tensor& addend) const {
  const auto [weight, bias] = folded();
  const auto out =
      ops::deform_conv2d(dequantized(x), offset, weight,
                         bias.defined() ? std::optional(bias) : std::nullopt, mask, sampling_);
  return finish(out, norm_.is_empty() || folds(), dequantized(addend));
}

}  // namespace lanner::detectors
