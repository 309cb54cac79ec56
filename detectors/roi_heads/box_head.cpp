#include "lanner/detectors/roi_heads/box_head.h"

#include "lanner/detectors/quantization/quantized_layer.h"
#include "lanner/detectors/roi_heads/linear.h"
#include "lanner/detectors/upcast.h"

namespace lanner::detectors {

BoxHead::BoxHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options)
    : pooling_(backbone.roi_channels, backbone.roi_scales, options.pooled_size, options),
      fc6_(backbone.roi_channels * options.pooled_size * options.pooled_size, options.head_width),
      cls_score_(options.head_width, classes + 1),
      bbox_pred_(options.head_width, 4 * (classes + 1)) {
  register_module("box_roi_pool", pooling_);
  auto head = register_module("box_head", std::make_shared<torch::nn::Module>());
  const int64_t channels = backbone.roi_channels;
  convs_ = add_convolutions(*head, options.head_convs, channels, channels, Norm::batch);
  if (options.head_convs > 0) {
    // In torchvision, a flatten module has the number after the convolutions.
    head->register_module(std::to_string(options.head_convs + 1), fc6_);
  } else {
    fc7_ = torch::nn::Linear(options.head_width, options.head_width);
    head->register_module("fc6", fc6_);
    head->register_module("fc7", fc7_);
  }
  auto predictor = register_module("box_predictor", std::make_shared<torch::nn::Module>());
  predictor->register_module("cls_score", cls_score_);
  predictor->register_module("bbox_pred", bbox_pred_);
}

at::Tensor BoxHead::hidden(const std::vector<at::Tensor>& features, const at::Tensor& rois) {
  PooledReader reader;
  if (convs_.empty()) {  // the layer that reads it flattens it
    reader.format = at::MemoryFormat::Contiguous;
    if (const auto int8 = quantized(*fc6_)) reader.affine = int8->input();
  }
  auto pooled = pooling_->forward(features, rois, reader);
  for (const auto& conv : convs_) pooled = conv(pooled);
  const auto hidden = linear(fc6_, pooled, true);
  return fc7_.is_empty() ? hidden : linear(fc7_, hidden, true);
}

RoiPredictions BoxHead::forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) {
  const auto hidden = this->hidden(features, rois);
  return {upcast(linear(cls_score_, hidden, false)), upcast(linear(bbox_pred_, hidden, false))};
}

at::Tensor BoxHead::offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) {
  return pooling_->offsets(features, rois);
}

}  // namespace lanner::detectors
