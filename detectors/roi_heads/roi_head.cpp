#include "lanner/detectors/roi_heads/roi_head.h"

#include "lanner/detectors/roi_heads/box_head.h"
#include "lanner/detectors/roi_heads/position_sensitive_head.h"
#include "lanner/detectors/roi_heads/stage_head.h"

namespace lanner::detectors {

std::shared_ptr<RoiHead> make_roi_head(const DetectorOptions& options, const Backbone& backbone) {
  const auto classes = static_cast<int64_t>(options.categories.size());
  if (options.model == "rfcn")
    return std::make_shared<PositionSensitiveHead>(*backbone, classes, options.roi);
  if (options.backbone.neck == Neck::c4)
    return std::make_shared<StageHead>(*backbone, classes, options.roi);
  return std::make_shared<BoxHead>(*backbone, classes, options.roi);
}

}  // namespace lanner::detectors
