#pragma once

#include "tools/options.h"

// The benchmarks of `lanner bench`. Each prints a table, writes its numbers to options.json if that
// is given, and returns the exit code.
namespace lanner::tools {

// Operators of lanner and torchvision. Runs `python -m lanner.bench ops`.
int bench_ops(const BenchOptions& options);
// Detection by Faster R-CNN ResNet-50-FPN on one image of 800 x 1088, in float32, bfloat16 and
// int8, by lanner, torchvision, OpenVINO and ONNX Runtime. Runs `python -m lanner.bench detect`.
int bench_detect(const BenchOptions& options);
// Training steps of Faster R-CNN ResNet-50-FPN and ResNet-18-FPN on two images of 320 x 400,
// compared with torchvision.
int bench_train(const BenchOptions& options);
// Detection by R-FCN and Faster R-CNN C4, depending on the number of RoIs.
int bench_rois(const BenchOptions& options);
// A training step of CPC, ResNet-18 on 32 images of 128 x 128 in 7 x 7 patches of 32, compared with
// plain PyTorch and with the peak rate of this machine's matrix products.
int bench_pretrain(const BenchOptions& options);
// `lanner eval` of 5,000 images with 36,000 boxes and 500,000 detections, and `lanner check-data`
// of annotations of the size of COCO's train2017, each as a process, compared with pycocotools.
int bench_eval(const BenchOptions& options);
// CPU time of loading: JPEG files of 640 x 480 to normalized images of 1067 x 800, compared with
// torchvision, and the augmentations of training.
int bench_loader(const BenchOptions& options);

}  // namespace lanner::tools
