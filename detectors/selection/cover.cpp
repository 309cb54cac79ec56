#include "lanner/detectors/selection/cover.h"

#include <torch/nn/functional/normalization.h>

#include <ATen/CPUGeneratorImpl.h>

namespace lanner::detectors {
namespace {

constexpr int64_t kCoveredRegions = 4000;  // that facility location is computed on

// [N, R, D], standardized over all regions, with length 1: without it all cosines are near 1.
at::Tensor unit_features(const at::Tensor& features) {
  const auto flat = features.reshape({-1, features.size(2)}).to(torch::kFloat);
  const auto centered = (flat - flat.mean(0)) / flat.std(0).clamp_min(1e-6);
  namespace F = torch::nn::functional;
  return F::normalize(centered, F::NormalizeFuncOptions().dim(1)).view(features.sizes());
}

// Greedy facility location: gains are sums over the covered regions of what an image's nearest
// region is nearer than the nearest chosen one.
class Coverage {
 public:
  Coverage(const at::Tensor& features, const at::Generator& random) {
    const auto regions = features.flatten(0, 1);
    const auto count = std::min(kCoveredRegions, regions.size(0));
    const auto sample = torch::randperm(regions.size(0), random, torch::kLong).slice(0, 0, count);
    const auto covered = regions.index_select(0, sample).t();
    std::vector<at::Tensor> rows;
    for (int64_t i = 0; i < features.size(0); ++i)
      rows.push_back(features[i].matmul(covered).amax(0));
    similarity_ = torch::stack(rows);  // [N, M]
    reached_ = torch::full({count}, -1.);
  }
  void add(int64_t image) { reached_ = torch::maximum(reached_, similarity_[image]); }
  at::Tensor gains() const { return (similarity_ - reached_).clamp_min(0).sum(1); }

 private:
  at::Tensor similarity_, reached_;
};

// [N, R]: the distance of each region to the nearest one of the chosen images.
class Distances {
 public:
  explicit Distances(const at::Tensor& features)
      : features_(features), nearest_(torch::full({features.size(0), features.size(1)}, 2.)) {}
  void add(int64_t image) {
    const auto similarity = features_.matmul(features_[image].t()).amax(2);
    nearest_ = torch::minimum(nearest_, (2 - 2 * similarity).clamp_min(0).sqrt());
  }
  const at::Tensor& nearest() const { return nearest_; }

 private:
  at::Tensor features_, nearest_;
};

}  // namespace

std::vector<int64_t> choose_cover(const at::Tensor& features, int count,
                                  const std::vector<int64_t>& already, Cover cover, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  auto random = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto units = unit_features(features);
  Coverage coverage(units, random);
  Distances distances(units);
  auto is_free = torch::ones({features.size(0)}, torch::kBool);
  const auto take = [&](int64_t image) {
    is_free[image] = false;
    if (cover == Cover::coverage)
      coverage.add(image);
    else
      distances.add(image);
  };
  for (const auto image : already) take(image);
  std::vector<int64_t> chosen;
  while (std::ssize(chosen) < count && is_free.any().item<bool>()) {
    at::Tensor wanted;  // [N], at least 0
    if (cover == Cover::coverage || (chosen.empty() && already.empty()))
      wanted = coverage.gains();  // the first: the most typical one
    else if (cover == Cover::k_center)
      wanted = distances.nearest().amax(1);
    else
      wanted = distances.nearest().square().sum(1) + 1e-12;
    const auto next = cover == Cover::k_means && !(chosen.empty() && already.empty())
                          ? torch::multinomial(wanted * is_free, 1, false, random)
                          : wanted.masked_fill(~is_free, -1).argmax();
    chosen.push_back(next.item<int64_t>());
    take(chosen.back());
  }
  return chosen;
}

}  // namespace lanner::detectors
