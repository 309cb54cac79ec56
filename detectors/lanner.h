#pragma once

// All that a program needs to detect objects, in one header: load a detector, prepare images,
// detect, draw; and the operators. See docs/detecting.md for an example.
#include "lanner/datasets/images/image.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/detect.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/ops/boxes.h"
#include "lanner/ops/cpu_cache.h"
#include "lanner/ops/cuda.h"
#include "lanner/ops/deform_conv2d.h"
#include "lanner/ops/deform_roi_pool.h"
#include "lanner/ops/nms.h"
#include "lanner/ops/ps_roi_align.h"
#include "lanner/ops/ps_roi_pool.h"
#include "lanner/ops/roi_align.h"
#include "lanner/ops/roi_pool.h"
#include "lanner/ops/soft_nms.h"
