#include "lanner/detectors/flop_count.h"

#include "lanner/ops/torch.h"

#include <atomic>
#include <chrono>
#include <map>

namespace lanner::detectors {
namespace {

std::atomic<double> total_flops = 0;  // atomic: a backward pass may run in another thread
// Set within a counted operator, so that the operators it calls are not counted again.
thread_local bool in_counted_operator = false;

struct FlopsPerOutput : at::ObserverContext {
  double flops = 0;
};

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
  struct Weights {
    size_t argument;  // index of the argument that holds them
    int64_t outputs;  // their dimension with one entry per output channel
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
  if (found == weights_of.end() || in_counted_operator) return nullptr;
  const auto& weight = call.inputs()[found->second.argument].toTensor();
  if (weight.dim() <= found->second.outputs || weight.numel() == 0) return nullptr;
  in_counted_operator = true;
  const double per_output = 2. * static_cast<double>(weight.numel()) /
                            static_cast<double>(weight.size(found->second.outputs));
  auto context = std::make_unique<FlopsPerOutput>();
  if (found->first != "aten::convolution_backward") {
    context->flops = per_output;
    return context;
  }
  // The gradients of input and weight cost a forward pass each, if they are computed.
  const auto output_mask = call.inputs().back().toBoolList();
  const auto passes = static_cast<double>(output_mask[0]) + static_cast<double>(output_mask[1]);
  total_flops += passes * per_output * static_cast<double>(call.inputs()[0].toTensor().numel());
  return context;
}

void end(const at::RecordFunction& call, at::ObserverContext* context) {
  const auto* per_output = static_cast<FlopsPerOutput*>(context);
  if (!per_output) return;
  // A call that failed has no outputs.
  if (per_output->flops > 0 && !call.outputs().empty() && call.outputs()[0].isTensor())
    total_flops += per_output->flops * static_cast<double>(call.outputs()[0].toTensor().numel());
  in_counted_operator = false;
}

}  // namespace

FlopCount::FlopCount() {
  total_flops = 0;
  handle_ = at::addGlobalCallback(at::RecordFunctionCallback(begin, end)
                                      .needsInputs(true)
                                      .needsOutputs(true)
                                      .scopes({at::RecordScope::FUNCTION}));
}

FlopCount::~FlopCount() { at::removeCallback(handle_); }

double FlopCount::total() const { return total_flops; }

double peak_rate(at::ScalarType type, const at::Device& device) {
  // Large enough that launch and synchronization overhead is negligible.
  const int64_t side = device.is_cpu() ? 1536 : 8192, products = device.is_cpu() ? 1 : 4;
  const torch::NoGradGuard no_grad;
  const auto a = torch::rand({side, side}, at::TensorOptions(device).dtype(type));
  double min_seconds = 1e9;
  for (int i = 0; i < 6; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    at::Tensor product;
    for (int64_t k = 0; k < products; ++k) product = torch::matmul(a, a);
    product[0][0].item();  // synchronizes
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    min_seconds = std::min(min_seconds, elapsed.count());
  }
  return 2. * static_cast<double>(side * side * side * products) / min_seconds;
}

}  // namespace lanner::detectors
