#include "lanner/detectors/quantization/quantized_layer.h"

#include <ATen/cpu/Utils.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

constexpr const char* kName = "quantized";
constexpr std::pair<const char*, at::Tensor QuantizedTensors::*> kTensors[] = {
    {"weight", &QuantizedTensors::weight},
    {"weight_scale", &QuantizedTensors::weight_scale},
    {"bias", &QuantizedTensors::bias},
    {"input", &QuantizedTensors::input},
    {"output", &QuantizedTensors::output}};

Affine to_affine(const at::Tensor& pair) {
  const auto* values = pair.const_data_ptr<float>();
  return {values[0], static_cast<int64_t>(values[1])};
}

bool is_float(const at::Tensor& t, at::IntArrayRef shape) {
  return t.scalar_type() == at::kFloat && t.sizes() == shape;
}

bool is_affine(const at::Tensor& pair) {
  const auto values = pair.contiguous();
  const auto* v = values.const_data_ptr<float>();
  return v[0] > 0 && v[1] >= 0 && v[1] <= 255 && std::floor(v[1]) == v[1];
}

// Half of each weight, rounded to even: in integers, because in float32 the largest layer would
// take 150 MB for a moment, which the process keeps.
at::Tensor halved(const at::Tensor& weight) {
  const auto from = weight.contiguous();
  auto result = at::empty_like(from);
  const auto* values = from.const_data_ptr<int8_t>();
  std::transform(values, values + from.numel(), result.data_ptr<int8_t>(), [](int8_t value) {
    const int half = value >> 1;
    return static_cast<int8_t>(half + (value & half & 1));
  });
  return result;
}

// Throws bad_data naming the tensor. `own` is the layer's weight.
void check(const QuantizedTensors& t, const at::Tensor* own, const std::string& prefix) {
  const auto channels = t.weight.dim() > 0 ? t.weight.size(0) : 0;
  const bool has_output = t.output.numel() > 0;
  if (!own || t.weight.scalar_type() != at::kChar || own->sizes() != t.weight.sizes() ||
      !is_float(t.weight_scale, {channels}) || !is_float(t.bias, {channels}) ||
      !is_float(t.input, {2}) || !is_float(t.output, {has_output ? 2 : 0}))
    throw bad_data(prefix + "weight: of another architecture");
  for (const auto& [name, pair] : {std::pair{"input", t.input}, std::pair{"output", t.output}})
    if (pair.numel() > 0 && !is_affine(pair))
      throw bad_data(prefix + name + ": expected a scale above 0 and a zero point of 0..255, got " +
                     c10::str(pair));
}

}  // namespace

QuantizedLayerImpl::QuantizedLayerImpl(const QuantizedTensors& tensors) : tensors_(tensors) {
  for (const auto& [name, member] : kTensors) register_buffer(name, tensors_.*member);
}

Affine QuantizedLayerImpl::input() const { return to_affine(tensors_.input); }

at::Tensor QuantizedLayerImpl::quantized_input(const at::Tensor& x) const {
  return x.is_quantized() ? x : quantize_tensor(x, input());
}

std::optional<Affine> QuantizedLayerImpl::output(bool float_output) const {
  if (float_output || tensors_.output.numel() == 0) return std::nullopt;
  return to_affine(tensors_.output);
}

PackedWeight QuantizedLayerImpl::packed(const Pack& pack) const {
  const std::lock_guard lock(mutex_);
  const int64_t version = tensors_.weight.is_inference() ? 0 : tensors_.weight._version();
  if (version_ == version) return packed_;
  // Without VNNI, sums of two products of eight bits may not fit into sixteen: seven do.
  if (at::cpu::is_avx512_vnni_supported())
    packed_ = pack(tensors_.weight, tensors_.weight_scale);
  else
    packed_ = pack(halved(tensors_.weight), tensors_.weight_scale * 2);
  version_ = version;
  return packed_;
}

at::Tensor QuantizedLayerImpl::conv(const at::Tensor& x, at::Tensor addend,
                                    const ConvGeometry& geometry, int64_t groups, bool relu,
                                    bool float_output) const {
  if (x.size(0) == 0) {
    std::vector<int64_t> size{0, tensors_.weight.size(0)};
    for (int i = 0; i < 2; ++i)
      size.push_back((x.size(2 + i) + 2 * geometry.padding[i] -
                      geometry.dilation[i] * (tensors_.weight.size(2 + i) - 1) - 1) /
                         geometry.stride[i] +
                     1);
    return at::zeros(size);
  }
  const auto input = quantized_input(x);
  const auto weight = packed([&](const at::Tensor& w, const at::Tensor& scale) {
    return pack_conv(w, scale, tensors_.bias, {input.q_scale(), input.q_zero_point()}, geometry,
                     groups, x.sizes());
  });
  const auto to = output(float_output);
  if (!addend.defined()) return int8_conv(input, weight, {}, geometry, groups, relu, to);
  if (!to || !addend.is_quantized()) {
    auto sum = int8_conv(input, weight, {}, geometry, groups, false, {}) + dequantized(addend);
    if (relu) sum = sum.relu();
    return to ? quantize_tensor(sum, *to) : sum;
  }
  // The result takes the addend's memory, if nobody else needs it.
  if (addend.use_count() > 1 || addend.storage().use_count() > 1) addend = addend.clone();
  return int8_conv(input, weight, addend, geometry, groups, relu, to);
}

at::Tensor QuantizedLayerImpl::linear(const at::Tensor& x, bool relu, bool float_output) const {
  if (x.size(0) == 0) return at::zeros({0, tensors_.weight.size(0)});
  // Flattened when it is quantized, because there is less to copy.
  const auto input = quantized_input(x).flatten(1);
  const auto weight = packed([&](const at::Tensor& w, const at::Tensor& scale) {
    return pack_linear(w, scale, tensors_.bias, input.sizes());
  });
  return int8_linear(input, weight, relu, output(float_output));
}

void QuantizedLayerImpl::to(torch::Device device, torch::Dtype, bool) { to(device, false); }
void QuantizedLayerImpl::to(torch::Device device, bool) {
  if (!device.is_cpu())
    throw usage_error("device: quantized detectors run on the CPU, got " + device.str());
}

std::shared_ptr<QuantizedLayerImpl> quantized(const torch::nn::Module& layer) {
  const auto children = layer.named_children();
  const auto* found = children.find(kName);
  return found ? std::dynamic_pointer_cast<QuantizedLayerImpl>(*found) : nullptr;
}

bool has_quantized_layers(const torch::nn::Module& module) {
  const auto modules = module.modules();
  return std::any_of(modules.begin(), modules.end(), [](const auto& child) {
    return std::dynamic_pointer_cast<QuantizedLayerImpl>(child) != nullptr;
  });
}

void attach(torch::nn::Module& layer, const std::shared_ptr<QuantizedLayerImpl>& quantized) {
  layer.register_module(kName, quantized);
  for (auto& parameter : layer.named_parameters(/*recurse=*/false)) {
    parameter.value().set_requires_grad(false);
    parameter.value().set_data(at::empty({0}));
  }
}

void attach_quantized(torch::nn::Module& module, const std::map<std::string, at::Tensor>& tensors,
                      const std::string& source) {
  for (const auto& item : module.named_modules()) {
    const auto prefix = item.key() + "." + kName + ".";
    if (!tensors.contains(prefix + "weight")) continue;
    QuantizedTensors stored;
    for (const auto& [name, member] : kTensors) {
      const auto found = tensors.find(prefix + name);
      if (found == tensors.end()) throw bad_data(source + ": " + prefix + name + ": missing");
      stored.*member = found->second;
    }
    const auto parameters = item.value()->named_parameters(/*recurse=*/false);
    check(stored, parameters.find("weight"), source + ": " + prefix);
    attach(*item.value(), std::make_shared<QuantizedLayerImpl>(stored));
  }
}

}  // namespace lanner::detectors
