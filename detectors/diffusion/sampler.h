#pragma once

#include "lanner/ops/torch.h"

#include <functional>
#include <vector>

#include "lanner/detectors/diffusion/noise_path.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Returns the estimate of x_0 for x at a level.
using Denoiser = std::function<at::Tensor(const at::Tensor& x, const NoiseLevel& level)>;
// Returns noise of the shape of x.
using NoiseSource = std::function<at::Tensor(const at::Tensor& x)>;
// Called after each step but the last, with x at the level that is next: it may change x.
using AfterStep = std::function<at::Tensor(const at::Tensor& x, const NoiseLevel& level)>;

// Goes from x, noise at the first level, to the last level. eta: of ddpm. Returns x there.
LANNER_API at::Tensor sample(const Denoiser& denoise, at::Tensor x,
                             const std::vector<NoiseLevel>& levels, Sampler sampler, double eta,
                             const NoiseSource& noise, const AfterStep& after_step = {});

}  // namespace lanner::detectors
