#include "lanner/detectors/roi_heads/roi_head.h"

#include <torch/nn/modules/container/sequential.h>

#include "lanner/detectors/options.h"
#include "lanner/detectors/roi_heads/box_head.h"
#include "lanner/detectors/roi_heads/position_sensitive_head.h"
#include "lanner/detectors/roi_heads/stage_head.h"

namespace lanner::detectors {

std::vector<ConvUnit> add_convolutions(torch::nn::Module& owner, int64_t count, int64_t in,
                                       int64_t out, Norm kind) {
  std::vector<ConvUnit> units;
  for (int64_t i = 0; i < count; ++i) {
    torch::nn::Conv2d conv(
        torch::nn::Conv2dOptions(i == 0 ? in : out, out, 3).padding(1).bias(false));
    torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
    const NormLayer norm(kind, out);
    owner.register_module(std::to_string(i), torch::nn::Sequential(conv, norm));
    units.emplace_back(conv, norm, true);
  }
  return units;
}

std::shared_ptr<RoiHead> make_roi_head(const DetectorOptions& options, const Backbone& backbone) {
  const auto classes = static_cast<int64_t>(options.categories.size());
  if (options.model == "rfcn")
    return std::make_shared<PositionSensitiveHead>(*backbone, classes, options.roi);
  if (options.backbone.neck == Neck::c4)
    return std::make_shared<StageHead>(*backbone, classes, options.roi);
  return std::make_shared<BoxHead>(*backbone, classes, options.roi);
}

}  // namespace lanner::detectors
