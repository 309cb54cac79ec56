#pragma once

#include "lanner/ops/host_device.h"

namespace lanner::ops {

// IoU of two boxes, each x1, y1, x2, y2 (no "+1"). Two boxes without area give NaN.
template <typename T>
LANNER_HOST_DEVICE T iou(const T* a, const T* b) {
  const T left = a[0] > b[0] ? a[0] : b[0], top = a[1] > b[1] ? a[1] : b[1];
  const T right = a[2] < b[2] ? a[2] : b[2], bottom = a[3] < b[3] ? a[3] : b[3];
  const T width = right - left > T(0) ? right - left : T(0);
  const T height = bottom - top > T(0) ? bottom - top : T(0);
  const T intersection = width * height;
  const T area_a = (a[2] - a[0]) * (a[3] - a[1]), area_b = (b[2] - b[0]) * (b[3] - b[1]);
  return intersection / (area_a + area_b - intersection);
}

// Whether the IoU is above `threshold`; false for NaN.
template <typename T, typename Threshold>
LANNER_HOST_DEVICE bool iou_above(const T* a, const T* b, Threshold threshold) {
  return iou(a, b) > threshold;
}

}  // namespace lanner::ops
