#include "lanner/detectors/flop_count.h"

#include <torch/torch.h>

#include <chrono>
#include <map>

namespace lanner::detectors {
namespace {

thread_local double counted = 0;
thread_local bool inside = false;  // an operator that calls itself below autograd counts once

struct PerOutput : at::ObserverContext {
  double flops = 0;
};

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
  // Which argument the weights are.
  static const std::map<std::string, size_t> weight_of{{"aten::convolution", 1},
                                                       {"mkldnn::_convolution_pointwise", 1},
                                                       {"mkldnn::_convolution_pointwise_", 2},
                                                       {"mkldnn::_linear_pointwise", 1},
                                                       {"aten::linear", 1},
                                                       {"aten::mm", 1},
                                                       {"lanner::deform_conv2d", 2}};
  const auto found = weight_of.find(call.name());
  if (found == weight_of.end() || inside) return nullptr;
  inside = true;
  const auto& weight = call.inputs()[found->second].toTensor();
  const auto outputs = weight.size(found->first == "aten::mm" ? 1 : 0);
  auto context = std::make_unique<PerOutput>();
  context->flops = 2. * static_cast<double>(weight.numel()) / static_cast<double>(outputs);
  return context;
}

void end(const at::RecordFunction& call, at::ObserverContext* context) {
  const auto* per_output = static_cast<PerOutput*>(context);
  if (!per_output) return;
  counted += per_output->flops * static_cast<double>(call.outputs()[0].toTensor().numel());
  inside = false;
}

}  // namespace

FlopCount::FlopCount() {
  counted = 0;
  handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end)
                                           .needsInputs(true)
                                           .needsOutputs(true)
                                           .scopes({at::RecordScope::FUNCTION}));
}

FlopCount::~FlopCount() { at::removeCallback(handle_); }

double FlopCount::total() const { return counted; }

double peak_rate(at::ScalarType type, const at::Device& device) {
  constexpr int64_t kSide = 1536;
  const torch::NoGradGuard no_grad;
  const auto a = torch::rand({kSide, kSide}, at::TensorOptions(device).dtype(type));
  double least = 1e9;
  for (int i = 0; i < 6; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    torch::matmul(a, a)[0][0].item();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    least = std::min(least, spent.count());
  }
  return 2. * kSide * kSide * kSide / least;
}

}  // namespace lanner::detectors
