#include "lanner/detectors/pseudo_labels/class_thresholds.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lanner/datasets/error.h"
#include "lanner/detectors/distributed/ranks.h"

namespace lanner::detectors {
namespace {

// Of fewer views than the smallest window, counts say little; the threshold is then at least that
// of Unbiased Teacher.
constexpr size_t kEnoughViews = 50;
constexpr double kYoungScore = 0.7;

constexpr const char *kCounts = "training.pseudo.counts", *kScores = "training.pseudo.scores";

// [D, 2]: label and score.
at::Tensor rows_of(const at::Tensor& labels, const at::Tensor& scores) {
  return torch::stack({labels, scores}, 1).to(at::kCPU, at::kFloat).contiguous();
}

}  // namespace

ClassThresholds::ClassThresholds(std::vector<double> per_view, const PseudoLabelOptions& options)
    : per_view_(std::move(per_view)),
      min_(options.min_score),
      max_(options.max_score),
      window_(static_cast<size_t>(options.window)) {}

void ClassThresholds::keep(View view) {
  views_.push_back(std::move(view));
  if (views_.size() > window_) views_.pop_front();
}

void ClassThresholds::add(const at::Tensor& labels, const at::Tensor& scores) {
  const auto rows = rows_of(labels, scores);
  const auto* seen = reinterpret_cast<const Seen*>(rows.data_ptr<float>());
  keep({seen, seen + rows.size(0)});
}

void ClassThresholds::add(const std::vector<Detections>& views) {
  std::string bytes;  // of each view: the number of its detections, then they
  for (const auto& view : views) {
    const auto rows = rows_of(view.labels, view.scores);
    const int64_t count = rows.size(0);
    bytes.append(reinterpret_cast<const char*>(&count), sizeof(count));
    bytes.append(static_cast<const char*>(rows.data_ptr()), rows.nbytes());
  }
  for (const auto& of_rank : gather_over_ranks(bytes)) {
    for (const char* next = of_rank.data(); next < of_rank.data() + of_rank.size();) {
      int64_t count = 0;
      std::memcpy(&count, next, sizeof(count));
      next += sizeof(count);
      View view(static_cast<size_t>(count));
      // Not memcpy, which requires addresses also where the view is empty.
      std::copy_n(next, view.size() * sizeof(Seen), reinterpret_cast<char*>(view.data()));
      next += view.size() * sizeof(Seen);
      keep(std::move(view));
    }
  }
}

double ClassThresholds::operator()(int64_t label) const { return all()[label].item<double>(); }

double ClassThresholds::threshold(int64_t label, std::vector<float>& scores) const {
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
  return std::clamp(threshold, min_, max_);
}

at::Tensor ClassThresholds::all() const {
  std::vector<std::vector<float>> scores(per_view_.size() + 1);  // by label
  for (const auto& view : views_)
    for (const auto& seen : view) scores[static_cast<size_t>(seen.label)].push_back(seen.score);
  std::vector<double> result{1};
  for (size_t label = 1; label < scores.size(); ++label)
    result.push_back(threshold(static_cast<int64_t>(label), scores[label]));
  return torch::tensor(result);
}

std::map<std::string, at::Tensor> ClassThresholds::state() const {
  std::vector<int64_t> counts;
  std::vector<float> seen;
  for (const auto& view : views_) {
    counts.push_back(static_cast<int64_t>(view.size()));
    for (const auto& [label, score] : view) seen.insert(seen.end(), {label, score});
  }
  return {{kCounts, torch::tensor(counts, torch::kLong)},
          {kScores, torch::tensor(seen).view({-1, 2})}};
}

bool ClassThresholds::is_in(const std::map<std::string, at::Tensor>& tensors) {
  return tensors.contains(kCounts);
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
