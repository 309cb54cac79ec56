#include "lanner/detectors/diffusion/noise_path.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace lanner::detectors {
namespace {

constexpr int kLevels = 1000;
constexpr double kOffset = 0.008, kMaxBeta = 0.999;           // of the cosine
constexpr double kRho = 7, kMaxSigma = 10, kMinSigma = 0.02;  // of EDM's grid

// Of the variance-preserving path: the products of 1 - beta.
const std::array<double, kLevels>& alpha_products() {
  static const auto all = [] {
    const auto cosine = [](double t) {
      return std::pow(std::cos((t + kOffset) / (1 + kOffset) * std::numbers::pi / 2), 2);
    };
    std::array<double, kLevels> products{};
    double product = 1;
    for (int i = 0; i < kLevels; ++i) {
      const double ratio = cosine((i + 1.) / kLevels) / cosine(i * 1. / kLevels);
      products[i] = product *= 1 - std::min(1 - ratio, kMaxBeta);
    }
    return products;
  }();
  return all;
}

NoiseLevel vp_level(int index) {
  if (index < 0) return {};
  const double product = alpha_products()[std::min(index, kLevels - 1)];
  return {std::sqrt(product), std::sqrt(1 - product), static_cast<double>(index)};
}

// The level with a ratio sigma / s; the network is told the nearest one that it was trained on.
NoiseLevel edm_level(double ratio) {
  if (ratio <= 0) return {};
  const auto& products = alpha_products();  // they fall
  const double product = 1 / (1 + ratio * ratio);
  const auto after = std::lower_bound(products.begin(), products.end(), product, std::greater<>());
  auto index = std::min<std::ptrdiff_t>(after - products.begin(), kLevels - 1);
  if (index > 0 && std::abs(products[index - 1] - product) < std::abs(products[index] - product))
    --index;
  return {std::sqrt(product), std::sqrt(1 - product), static_cast<double>(index)};
}

}  // namespace

NoiseLevel level_at(NoisePath path, double fraction) {
  if (path == NoisePath::flow) return {1 - fraction, fraction, kLevels * fraction};
  return vp_level(std::min(static_cast<int>(fraction * kLevels), kLevels - 1));
}

std::vector<NoiseLevel> sampling_levels(NoisePath path, int64_t steps) {
  std::vector<NoiseLevel> levels;
  const auto count = static_cast<double>(steps);
  for (int64_t i = 0; i < steps; ++i) {
    const auto done = static_cast<double>(i) / count;
    if (path == NoisePath::flow) {
      levels.push_back(level_at(path, 1 - done));
    } else if (path == NoisePath::vp) {
      levels.push_back(vp_level(static_cast<int>(kLevels - 1 - kLevels * done)));
    } else {
      const double part = steps == 1 ? 0 : static_cast<double>(i) / (count - 1);
      const double low = std::pow(kMinSigma, 1 / kRho), high = std::pow(kMaxSigma, 1 / kRho);
      levels.push_back(edm_level(std::pow(high + part * (low - high), kRho)));
    }
  }
  levels.push_back({});
  return levels;
}

}  // namespace lanner::detectors
