#include "lanner/detectors/quantization/histogram.h"

#include <algorithm>
#include <cmath>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

constexpr int64_t kCounted = 250'000;
constexpr double kPercentile = 1e-4;  // outside the range
constexpr double kLevels = 255;

Affine covering(double low, double high) {
  const double scale = std::max((high - low) / kLevels, 1e-12);
  return {static_cast<float>(scale),
          std::clamp<int64_t>(std::llround(-low / scale), 0, static_cast<int64_t>(kLevels))};
}

}  // namespace

void Histogram::add(const at::Tensor& x) {
  if (x.numel() == 0) return;
  const auto [low, high] = at::aminmax(x);
  const double least = low.item<double>(), most = high.item<double>();
  if (!std::isfinite(least) || !std::isfinite(most))
    throw bad_data("a layer's values are not finite");
  low_ = std::min(low_, least), high_ = std::max(high_, most);
  const double extent = std::max(-least, most);
  if (!counts_.defined()) {
    counts_ = at::zeros({kBins}, at::kDouble);
    limit_ = std::max(extent, 1e-6);
  }
  // Doubling the limit makes one bin of two.
  for (; limit_ < extent; limit_ *= 2) {
    auto wider = at::zeros_like(counts_);
    wider.slice(0, kBins / 4, 3 * kBins / 4).copy_(counts_.view({kBins / 2, 2}).sum(1));
    counts_ = wider;
  }
  const auto flat = x.is_non_overlapping_and_dense()
                        ? at::as_strided(x, {x.numel()}, {1}, x.storage_offset())
                        : x.reshape(-1);
  const int64_t step = std::max<int64_t>(1, flat.numel() / kCounted);
  const auto some = flat.slice(0, 0, flat.numel(), step).to(at::kFloat);
  counts_ += at::histc(some, kBins, -limit_, limit_);
}

std::pair<double, double> Histogram::outer(double share) const {
  const auto cumulative = counts_.cumsum(0);
  const auto* sums = cumulative.const_data_ptr<double>();
  const double total = sums[kBins - 1], width = 2 * limit_ / kBins;
  const auto first = std::upper_bound(sums, sums + kBins, total * share) - sums;
  const auto last = std::lower_bound(sums, sums + kBins, total * (1 - share)) - sums;
  return {std::max(low_, -limit_ + width * static_cast<double>(first)),
          std::min(high_, -limit_ + width * static_cast<double>(last + 1))};
}

double Histogram::squared_error(double low, double high) const {
  const auto affine = covering(low, high);
  const double width = 2 * limit_ / kBins, zero = static_cast<double>(affine.zero_point);
  const auto* counts = counts_.const_data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < kBins; ++i) {
    if (counts[i] == 0) continue;
    // What ReLU left is 0, not the middle of its bin.
    const double value = i == kBins / 2 ? 0 : -limit_ + width * (static_cast<double>(i) + 0.5);
    const double byte = std::clamp(std::round(value / affine.scale) + zero, 0., kLevels);
    const double error = value - affine.scale * (byte - zero);
    sum += counts[i] * error * error;
  }
  return sum;
}

Affine Histogram::affine(const std::string& range) const {
  if (!counts_.defined()) return {};
  double low = low_, high = high_;
  if (range == "percentile") std::tie(low, high) = outer(kPercentile);
  low = std::min(low, 0.), high = std::max(high, 0.);
  if (range != "mse") return covering(low, high);
  double best = squared_error(low, high), best_part = 1;
  for (double part = 0.99; part > 0.2; part -= 0.01)
    if (const double error = squared_error(part * low, part * high); error < best)
      best = error, best_part = part;
  return covering(best_part * low, best_part * high);
}

}  // namespace lanner::detectors
