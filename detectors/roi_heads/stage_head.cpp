#include "lanner/detectors/roi_heads/stage_head.h"

#include "lanner/detectors/quantization/int8.h"
#include "lanner/detectors/roi_heads/linear.h"
#include "lanner/detectors/upcast.h"

namespace lanner::detectors {

// Pools to twice options.pooled_size, because stage 4 has stride 2.
StageHead::StageHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options)
    : body_(backbone.body),
      pooling_(backbone.roi_channels, backbone.roi_scales, 2 * options.pooled_size, options),
      cls_score_(body_->channels(4), classes + 1),
      bbox_pred_(body_->channels(4), 4 * (classes + 1)) {
  register_module("box_roi_pool", pooling_);
  auto predictor = register_module("box_predictor", std::make_shared<torch::nn::Module>());
  predictor->register_module("cls_score", cls_score_);
  predictor->register_module("bbox_pred", bbox_pred_);
}

RoiPredictions StageHead::forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) {
  const auto pooled = pooling_(features, rois).contiguous(at::MemoryFormat::ChannelsLast);
  const auto hidden = dequantized(body_->run_stage(4, pooled)).mean({2, 3});
  return {upcast(linear(cls_score_, hidden, false)), upcast(linear(bbox_pred_, hidden, false))};
}

at::Tensor StageHead::offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) {
  return pooling_->offsets(features, rois);
}

}  // namespace lanner::detectors
