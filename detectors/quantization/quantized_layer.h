#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "lanner/detectors/quantization/int8.h"

namespace lanner::detectors {

// As they are stored, under these names.
struct QuantizedTensors {
  at::Tensor weight;        // int8, of the layer's shape
  at::Tensor weight_scale;  // float [O]
  at::Tensor bias;          // float [O]
  at::Tensor input;         // float [2]: scale and zero point of inputs that are not quantized yet
  at::Tensor output;        // float [2], or empty where the results are float
};

// The int8 form of a convolution or linear layer, its child "quantized". The layer's own weight is
// then empty. Calls from several threads at once are safe.
class QuantizedLayerImpl : public torch::nn::Module {
 public:
  explicit QuantizedLayerImpl(const QuantizedTensors& tensors);

  // x and addend are quantized or float. With `float_output`, the result is float in any case.
  at::Tensor conv(const at::Tensor& x, at::Tensor addend, const ConvGeometry& geometry,
                  int64_t groups, bool relu, bool float_output = false) const;
  at::Tensor linear(const at::Tensor& x, bool relu, bool float_output = false) const;

  // How inputs are quantized that are not yet.
  Affine input() const;

  // Throws usage_error for a device that is no CPU.
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking) override;
  void to(torch::Device device, bool non_blocking) override;
  void to(torch::Dtype, bool) override {}

 private:
  using Pack = std::function<PackedWeight(const at::Tensor& weight, const at::Tensor& scale)>;
  PackedWeight packed(const Pack& pack) const;
  at::Tensor quantized_input(const at::Tensor& x) const;
  std::optional<Affine> output(bool float_output) const;

  QuantizedTensors tensors_;
  mutable std::mutex mutex_;
  mutable PackedWeight packed_;
  mutable int64_t version_ = -1;  // of the weight that is packed
};

// The int8 form of a layer, or null.
std::shared_ptr<QuantizedLayerImpl> quantized(const torch::nn::Module& layer);

bool has_quantized_layers(const torch::nn::Module& module);

// Gives a layer its int8 form, and takes its own weight away. `layer` has a parameter "weight".
void attach(torch::nn::Module& layer, const std::shared_ptr<QuantizedLayerImpl>& quantized);

// Attaches the int8 forms in a checkpoint's tensors, which they keep without a copy, to the layers
// that they belong to. Throws bad_data naming `source` and the tensor that is missing or misshapen.
LANNER_API void attach_quantized(torch::nn::Module& module,
                                 const std::map<std::string, at::Tensor>& tensors,
                                 const std::string& source);

}  // namespace lanner::detectors
