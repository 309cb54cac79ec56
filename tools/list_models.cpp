#include "tools/list_models.h"

#include <ATen/record_function.h>

#include <cstdio>
#include <map>

#include "lanner/detectors/models.h"
#include "tools/random_detector.h"

namespace lanner::tools {
namespace {

// Multiplications and additions of convolutions and linear layers, counted as they run.
class FlopCount {
 public:
  FlopCount() {
    total() = 0;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  FlopCount(const FlopCount&) = delete;
  ~FlopCount() { at::removeCallback(handle_); }

  static double& total() {
    static thread_local double flops;
    return flops;
  }

 private:
  static bool& inside() {
    static thread_local bool within = false;
    return within;
  }

  struct PerOutput : at::ObserverContext {
    double flops = 0;
  };

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
    // Which argument the weights are.
    static const std::map<std::string, size_t> weight_of{{"aten::convolution", 1},
                                                         {"mkldnn::_convolution_pointwise", 1},
                                                         {"mkldnn::_convolution_pointwise_", 2},
                                                         {"mkldnn::_linear_pointwise", 1},
                                                         {"aten::linear", 1},
                                                         {"lanner::deform_conv2d", 2}};
    const auto found = weight_of.find(call.name());
    if (found == weight_of.end() || inside()) return nullptr;
    inside() = true;  // an operator that calls itself below autograd counts once
    const auto& weight = call.inputs()[found->second].toTensor();
    auto context = std::make_unique<PerOutput>();
    context->flops = 2. * double(weight.numel()) / double(weight.size(0));
    return context;
  }

  static void end(const at::RecordFunction& call, at::ObserverContext* context) {
    const auto* per_output = static_cast<PerOutput*>(context);
    if (!per_output) return;
    total() += per_output->flops * double(call.outputs()[0].toTensor().numel());
    inside() = false;
  }

  at::CallbackHandle handle_;
};

}  // namespace

int list_models(const ModelsOptions& o) {
  const auto size = std::to_string(o.height) + "x" + std::to_string(o.width);
  std::printf("%-28s %12s %10s %8s\n", "", "image", "parameters", "GFLOPs");
  for (const auto& preset : detectors::presets()) {
    auto options = with_classes(preset.options.detector, static_cast<int>(o.classes));
    options.resize = {static_cast<int>(std::min(o.height, o.width)),
                      static_cast<int>(std::max(o.height, o.width))};
    options.rpn.nms_iou = 1;  // as many proposals as there may be
    auto detector = random_detector(options);
    detector->eval();
    double parameters = 0;
    for (const auto& parameter : detector->parameters()) parameters += double(parameter.numel());
    const FlopCount count;
    detector->detect(detector->prepare({torch::rand({3, o.height, o.width})}));
    std::printf("%-28s %12s %8.1f M %8.0f\n    %s\n    constants: %s\n", preset.name.c_str(),
                size.c_str(), parameters / 1e6, FlopCount::total() / 1e9,
                preset.description.c_str(), preset.source.c_str());
    std::fflush(stdout);
  }
  std::printf("Two operations a multiply-add, of convolutions and linear layers; %lld classes.\n",
              static_cast<long long>(o.classes));
  return 0;
}

}  // namespace lanner::tools
