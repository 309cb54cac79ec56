#include "lanner/detectors/pseudo_labels/class_thresholds.h"

#include <algorithm>
#include <cmath>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

// Of fewer views, counts say little; the threshold is then at least that of Unbiased Teacher.
constexpr size_t kEnoughViews = 50;
constexpr double kYoungScore = 0.7;

constexpr const char *kCounts = "training.pseudo.counts", *kScores = "training.pseudo.scores";

}  // namespace

ClassThresholds::ClassThresholds(std::vector<double> per_view, const PseudoLabelOptions& options)
    : per_view_(std::move(per_view)),
      min_(options.min_score),
      max_(options.max_score),
      window_(static_cast<size_t>(options.window)) {}

void ClassThresholds::add(const at::Tensor& labels, const at::Tensor& scores) {
  const auto label = labels.cpu(), score = scores.to(at::kCPU, at::kFloat);
  std::vector<Seen> view;
  for (int64_t i = 0; i < label.size(0); ++i)
    view.push_back({label[i].item<int64_t>(), score[i].item<float>()});
  views_.push_back(std::move(view));
  if (views_.size() > window_) views_.pop_front();
}

double ClassThresholds::operator()(int64_t label) const {
  std::vector<float> scores;
  for (const auto& view : views_)
    for (const auto& seen : view)
      if (seen.label == label) scores.push_back(seen.score);
  const auto wanted = static_cast<size_t>(
      std::llround(per_view_[static_cast<size_t>(label - 1)] * static_cast<double>(views_.size())));
  double threshold = max_;
  if (wanted > scores.size()) {
    threshold = min_;
  } else if (wanted > 0) {
    const auto last = scores.begin() + static_cast<std::ptrdiff_t>(wanted) - 1;
    std::nth_element(scores.begin(), last, scores.end(), std::greater<>());
    threshold = *last;
  }
  if (views_.size() < kEnoughViews) threshold = std::max(threshold, kYoungScore);
  return std::clamp(threshold, std::min(min_, max_), max_);
}

at::Tensor ClassThresholds::all() const {
  auto result = torch::ones({static_cast<int64_t>(per_view_.size()) + 1});
  for (int64_t label = 1; label < result.size(0); ++label) result[label] = (*this)(label);
  return result;
}

std::map<std::string, at::Tensor> ClassThresholds::state() const {
  std::vector<int64_t> counts;
  std::vector<float> seen;
  for (const auto& view : views_) {
    counts.push_back(static_cast<int64_t>(view.size()));
    for (const auto& [label, score] : view)
      seen.insert(seen.end(), {static_cast<float>(label), score});
  }
  return {{kCounts, torch::tensor(counts, torch::kLong)},
          {kScores, torch::tensor(seen).view({-1, 2})}};
}

void ClassThresholds::load_state(const std::map<std::string, at::Tensor>& tensors,
                                 const std::string& source) {
  const auto counts = tensors.find(kCounts), scores = tensors.find(kScores);
  if (counts == tensors.end() || scores == tensors.end() || counts->second.dim() != 1 ||
      scores->second.dim() != 2 || scores->second.size(1) != 2 ||
      counts->second.sum().item<int64_t>() != scores->second.size(0))
    throw bad_data(source + ": " + kCounts + ": missing or misshapen: was it saved by a run with " +
                   "unlabelled images?");
  views_.clear();
  int64_t first = 0;
  for (int64_t i = 0; i < counts->second.size(0); ++i) {
    const auto count = counts->second[i].item<int64_t>();
    const auto view = scores->second.slice(0, first, first + count);
    add(view.select(1, 0).to(torch::kLong), view.select(1, 1));
    first += count;
  }
}

}  // namespace lanner::detectors
