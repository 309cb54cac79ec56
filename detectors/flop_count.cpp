#include "lanner/detectors/flop_count.h"

#include <torch/torch.h>

#include <atomic>
#include <chrono>
#include <map>

namespace lanner::detectors {
namespace {

std::atomic<double> counted = 0;   // a backward pass may have its own thread
thread_local bool inside = false;  // an operator that calls itself below autograd counts once

struct PerOutput : at::ObserverContext {
  double flops = 0;
};

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
  // Which argument the weights are, and which of their sides has one entry an output.
  struct Weights {
    size_t argument;
    int64_t outputs;
  };
  static const std::map<std::string, Weights> weights_of{
      {"aten::convolution", {1, 0}},
      {"aten::convolution_backward", {2, 0}},
      {"mkldnn::_convolution_pointwise", {1, 0}},
      {"mkldnn::_convolution_pointwise_", {2, 0}},
      {"mkldnn::_linear_pointwise", {1, 0}},
      {"aten::linear", {1, 0}},
      {"aten::addmm", {2, 1}},
      {"aten::mm", {1, 1}},
      {"lanner::deform_conv2d", {2, 0}}};
  const auto found = weights_of.find(call.name());
  if (found == weights_of.end() || inside) return nullptr;
  inside = true;
  const auto& weight = call.inputs()[found->second.argument].toTensor();
  const double per_output = 2. * static_cast<double>(weight.numel()) /
                            static_cast<double>(weight.size(found->second.outputs));
  auto context = std::make_unique<PerOutput>();
  if (found->first != "aten::convolution_backward") {
    context->flops = per_output;
    return context;
  }
  // Gradients of the input and of the weight, as asked for, cost a forward pass each.
  const auto wanted = call.inputs().back().toBoolList();
  const auto passes = static_cast<double>(wanted[0]) + static_cast<double>(wanted[1]);
  counted += passes * per_output * static_cast<double>(call.inputs()[0].toTensor().numel());
  return context;
}

void end(const at::RecordFunction& call, at::ObserverContext* context) {
  const auto* per_output = static_cast<PerOutput*>(context);
  if (!per_output) return;
  if (per_output->flops > 0)
    counted += per_output->flops * static_cast<double>(call.outputs()[0].toTensor().numel());
  inside = false;
}

}  // namespace

FlopCount::FlopCount() {
  counted = 0;
  handle_ = at::addGlobalCallback(at::RecordFunctionCallback(begin, end)
                                      .needsInputs(true)
                                      .needsOutputs(true)
                                      .scopes({at::RecordScope::FUNCTION}));
}

FlopCount::~FlopCount() { at::removeCallback(handle_); }

double FlopCount::total() const { return counted; }

double peak_rate(at::ScalarType type, const at::Device& device) {
  // Enough that starting a product and waiting for it are nothing beside it.
  const int64_t side = device.is_cpu() ? 1536 : 8192, products = device.is_cpu() ? 1 : 4;
  const torch::NoGradGuard no_grad;
  const auto a = torch::rand({side, side}, at::TensorOptions(device).dtype(type));
  double least = 1e9;
  for (int i = 0; i < 6; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    at::Tensor product;
    for (int64_t k = 0; k < products; ++k) product = torch::matmul(a, a);
    product[0][0].item();  // waits
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    least = std::min(least, spent.count());
  }
  return 2. * static_cast<double>(side * side * side * products) / least;
}

}  // namespace lanner::detectors
