#include <ATen/ops/dequantize.h>
#include <ATen/ops/quantize_per_tensor.h>
#include <torch/library.h>

#include "lanner/ops/nms.h"
#include "lanner/ops/roi_align.h"

// Operators on quantized tensors, as torchvision has them, for models that PyTorch quantized.
namespace lanner::ops {
namespace {

// The result has the scale and zero point of input.
at::Tensor quantized_roi_align(const at::Tensor& input, const at::Tensor& rois,
                               double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                               int64_t sampling_ratio, bool aligned) {
  TORCH_CHECK(input.qscheme() == at::kPerTensorAffine,
              "roi_align: input: expected one scale per tensor, got ",
              at::toString(input.qscheme()));
  const auto pooled =
      roi_align(at::dequantize(input), at::dequantize(rois),
                {spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned});
  return at::quantize_per_tensor(pooled, input.q_scale(), input.q_zero_point(),
                                 input.scalar_type());
}

at::Tensor quantized_nms(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold) {
  return nms(at::dequantize(boxes), at::dequantize(scores), iou_threshold);
}

TORCH_LIBRARY_IMPL(lanner, QuantizedCPU, m) {
  m.impl("roi_align", quantized_roi_align);
  m.impl("nms", quantized_nms);
}

}  // namespace
}  // namespace lanner::ops
