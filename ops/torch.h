#pragma once

// The subset of LibTorch that lanner uses. It compiles in half the time of torch/torch.h, and the
// build precompiles it for every source file that includes torch.
#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/library.h>
#include <torch/nn/init.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>
