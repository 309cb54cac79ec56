#include "lanner/detectors/quantization/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "lanner/datasets/error.h"
#include "lanner/detectors/quantization/histogram.h"
#include "lanner/detectors/quantization/layer_observer.h"
#include "lanner/detectors/quantization/quantized_layer.h"

namespace lanner::detectors {
namespace {

constexpr size_t kCompared = 4;  // batches on which errors are measured
constexpr double kMaxWeight = 127;

bool contains_any(const std::string& name, const auto& parts) {
  return std::any_of(std::begin(parts), std::end(parts),
                     [&](const auto& part) { return name.find(part) != std::string::npos; });
}

// Layers whose results no other layer reads.
bool is_predictor(const std::string& name) {
  constexpr std::array kPredictors{"cls_logits", "bbox_pred", "cls_score", "_maps"};
  return contains_any(name, kPredictors);
}

struct Layer {
  torch::nn::Module* module = nullptr;
  at::Tensor weight, bias;
  std::optional<ConvGeometry> geometry;
  int64_t groups = 1;
  bool int8_output = true;  // no norm follows that is not folded in
  Histogram input, output;
  std::shared_ptr<QuantizedLayerImpl> int8;
  double squared_error = 0, squared_norm = 0;
};

at::Tensor to_tensor(const Affine& affine) {
  return at::tensor({affine.scale, static_cast<double>(affine.zero_point)}, at::kFloat);
}

// The layers of a detector, by name, in the order in which they run.
class Calibration : public LayerObserver {
 public:
  explicit Calibration(DetectorImpl& detector) {
    for (const auto& item : detector.named_modules()) names_[item.value().get()] = item.key();
    layer_observer() = this;
  }
  ~Calibration() override { layer_observer() = nullptr; }

  void observe(const LayerCall& call) override {
    const auto& name = names_.at(&call.layer);
    if (name.find("offset") != std::string::npos) return;
    auto& layer = layers_[name];
    if (!layer.module) {
      order_.push_back(name);
      layer.module = &call.layer;
      layer.weight = call.weight.detach().to(at::kFloat).contiguous();
      layer.bias = call.bias.defined() ? call.bias.detach().to(at::kFloat).contiguous()
                                       : at::zeros({layer.weight.size(0)});
      layer.geometry = call.geometry, layer.groups = call.groups;
      layer.int8_output = call.norm_done && !is_predictor(name);
    }
    if (comparing_)
      compare(layer, call.input);
    else
      measure(name, layer, call);
  }

  // From here on, calls compare the int8 forms with the layers.
  void build(const std::string& range) {
    comparing_ = true;
    for (auto& [name, layer] : layers_) {
      const auto rows = layer.weight.flatten(1);
      const auto scale = rows.abs().amax(1).clamp_min(1e-12) / kMaxWeight;
      const auto weight = (rows / scale.unsqueeze(1)).round().to(at::kChar).view_as(layer.weight);
      layer.int8 = std::make_shared<QuantizedLayerImpl>(QuantizedTensors{
          .weight = weight,
          .weight_scale = scale,
          .bias = layer.bias,
          .input = to_tensor(layer.input.affine(range)),
          .output = layer.int8_output ? to_tensor(layer.output.affine(range)) : at::empty({0})});
    }
  }

  std::map<std::string, Layer>& layers() { return layers_; }
  const std::vector<std::string>& order() const { return order_; }

 private:
  static void measure(const std::string& name, Layer& layer, const LayerCall& call) {
    try {
      layer.input.add(call.input);
      layer.output.add(call.output);
    } catch (const Error& error) {
      throw bad_data(name + ": " + error.what());
    }
  }

  // Without the addend and ReLU, which change nothing but hide errors.
  static void compare(Layer& layer, const at::Tensor& x) {
    if (x.size(0) == 0) return;
    at::Tensor exact, found;
    if (layer.geometry) {
      const auto& g = *layer.geometry;
      exact =
          at::conv2d(x, layer.weight, layer.bias, g.stride, g.padding, g.dilation, layer.groups);
      found = layer.int8->conv(x, {}, g, layer.groups, false, /*float_output=*/true);
    } else {
      exact = at::linear(x, layer.weight, layer.bias);
      found = layer.int8->linear(x, false, /*float_output=*/true);
    }
    layer.squared_error += (exact - found).square().sum(at::kDouble).item<double>();
    layer.squared_norm += exact.square().sum(at::kDouble).item<double>();
  }

  std::map<const torch::nn::Module*, std::string> names_;
  std::map<std::string, Layer> layers_;
  std::vector<std::string> order_;
  bool comparing_ = false;
};

void check_float_layers(const std::vector<std::string>& parts,
                        const std::vector<std::string>& names) {
  for (const auto& part : parts)
    if (std::none_of(names.begin(), names.end(),
                     [&](const auto& name) { return name.find(part) != std::string::npos; }))
      throw usage_error("float_layers: no layer's name holds \"" + part + "\"");
}

}  // namespace

std::vector<LayerError> quantize(Detector& detector,
                                 const std::function<std::optional<datasets::Batch>()>& next,
                                 const CalibrationOptions& options) {
  options.check();
  check_int8_operators();
  if (has_quantized_layers(*detector)) throw usage_error("weights: are quantized already");
  if (!detector->parameters().front().is_cpu())
    throw usage_error("device: quantized detectors run on the CPU");
  if (detector->options.model == "diffusion")
    throw usage_error("weights: a diffusion detector cannot be quantized");
  if (detector->is_training()) throw usage_error("quantize: expected evaluation mode");
  const torch::NoGradGuard no_grad;
  Calibration calibration(*detector);
  std::vector<datasets::Batch> compared;
  while (auto batch = next()) {
    detector->detect(*batch);
    if (compared.size() < kCompared) compared.push_back(std::move(*batch));
  }
  if (compared.empty()) throw usage_error("quantize: expected at least one image, got none");
  check_float_layers(options.float_layers, calibration.order());
  calibration.build(options.range);
  for (const auto& batch : compared) detector->detect(batch);
  std::vector<LayerError> report;
  for (const auto& name : calibration.order()) {
    auto& layer = calibration.layers().at(name);
    const double error = std::sqrt(layer.squared_error / std::max(layer.squared_norm, 1e-30));
    const bool taken = error <= options.max_error && !contains_any(name, options.float_layers);
    report.push_back({name, error, taken});
    if (taken) attach(*layer.module, layer.int8);
  }
  return report;
}

}  // namespace lanner::detectors
