#include "lanner/detectors/diffusion/sampler.h"

#include <cmath>

namespace lanner::detectors {
namespace {

at::Tensor noise_in(const at::Tensor& x, const at::Tensor& x0, const NoiseLevel& level) {
  return (x - level.s * x0) / level.sigma;
}

// A step of Euler's method along dx/dt; DDIM is the same.
at::Tensor step_to(const NoiseLevel& next, const at::Tensor& x0, const at::Tensor& noise) {
  return next.s * x0 + next.sigma * noise;
}

// The corrected step: the slopes at both ends are averaged. In x / s against sigma / s all paths
// have the slope e; the flow's own time gives e - x_0.
at::Tensor heun_step(const Denoiser& denoise, const at::Tensor& x, const at::Tensor& x0,
                     const at::Tensor& noise, const NoiseLevel& level, const NoiseLevel& next) {
  const auto euler = step_to(next, x0, noise);
  const auto next_x0 = denoise(euler, next);
  const auto next_noise = noise_in(euler, next_x0, next);
  const bool is_flow = std::abs(level.s + level.sigma - 1) < 1e-9;
  if (is_flow) return x + (next.sigma - level.sigma) * ((noise - x0) + (next_noise - next_x0)) / 2;
  const double before = level.sigma / level.s, after = next.sigma / next.s;
  return next.s * (x / level.s + (after - before) * (noise + next_noise) / 2);
}

at::Tensor ddpm_step(const at::Tensor& x0, const at::Tensor& noise, const NoiseLevel& level,
                     const NoiseLevel& next, double eta, const at::Tensor& fresh) {
  const double a = level.s * level.s, b = next.s * next.s;
  const double variance = eta * eta * (1 - a / b) * (1 - b) / (1 - a);
  const double rest = std::sqrt(std::max(0., next.sigma * next.sigma - variance));
  return next.s * x0 + rest * noise + std::sqrt(variance) * fresh;
}

}  // namespace

at::Tensor sample(const Denoiser& denoise, at::Tensor x, const std::vector<NoiseLevel>& levels,
                  Sampler sampler, double eta, const NoiseSource& noise,
                  const AfterStep& after_step) {
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    const auto &level = levels[i], &next = levels[i + 1];
    const auto x0 = denoise(x, level);
    const auto e = noise_in(x, x0, level);
    if (sampler == Sampler::heun && next.sigma > 0)
      x = heun_step(denoise, x, x0, e, level, next);
    else if (sampler == Sampler::ddpm)
      x = ddpm_step(x0, e, level, next, eta, noise(x));
    else
      x = step_to(next, x0, e);
    if (after_step && i + 2 < levels.size()) x = after_step(x, next);
  }
  return x;
}

}  // namespace lanner::detectors
