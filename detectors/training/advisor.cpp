#include "lanner/detectors/training/advisor.h"

#include <iostream>

#include "lanner/datasets/reports/html.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/training/schedule.h"

namespace lanner::detectors {
namespace {

double fraction_of_most_frequent_class(const datasets::Dataset& data) {
  std::vector<int64_t> counts(data.categories.size());
  int64_t all = 0;
  for (const auto& image : data.images)
    for (const auto& object : image.objects) ++counts[object.label - 1], ++all;
  return all ? static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
                   static_cast<double>(all)
             : 1;
}

at::Tensor largest_weight(const torch::nn::Module& module) {
  at::Tensor largest;
  for (const auto& parameter : module.parameters())
    if (parameter.requires_grad() && (!largest.defined() || parameter.numel() > largest.numel()))
      largest = parameter;
  return largest;
}

}  // namespace

Advisor::Advisor(const TrainOptions& options, const datasets::Dataset& train,
                 const datasets::Dataset& val)
    : options_(options) {
  window_.classes = std::ssize(train.categories);
  window_.majority_class = fraction_of_most_frequent_class(train);
  give(advise_on_data(options, train, val));
}

void Advisor::give(const AdviceList& advice) {
  for (const auto& item : advice) {
    if (!given_.insert(item.kind).second) continue;
    std::cerr << "advice: " << item.text << std::endl;
    advice_.push_back(item);
  }
}

void Advisor::begin_step(int64_t step, double progress, const torch::nn::Module& module) {
  progress_ = progress;
  const torch::NoGradGuard no_grad;
  if (!weight_.defined()) {
    weight_ = largest_weight(module).detach();
    window_begin_ = seconds();
  }
  if (warming_up(options_.loop, step, progress)) {
    window_begin_ = seconds();
    return;
  }
  if (observes(step)) {
    before_ = weight_.clone();
  } else if (step % kEvery == 0 && before_.defined()) {
    const double change = ((weight_ - before_).norm() / before_.norm()).item<double>();
    const double factor = schedule_factor(options_.loop, step - 1, progress);
    if (factor > 0.01) window_.relative_update += change / factor / kWindow;
  }
}

void Advisor::observe(int64_t step, double loss, double waited, const Gauges& gauges) {
  if (first_loss_ == 0) last_gauges_ += gauges;  // runs may end before the first window
  if (warming_up(options_.loop, step, progress_)) return;
  window_.loss += loss / kWindow;
  window_.data_wait += waited * kEvery;
  window_.gauges += gauges;
  if (++observed_ < kWindow) return;
  end_window();
}

void Advisor::end_window() {
  window_.progress = progress_;
  window_.data_wait /= std::max(1e-9, seconds() - window_begin_);
  window_.first_loss = first_loss_;  // 0 in the first window
  give(advise_on_window(options_, window_));
  if (first_loss_ == 0) first_loss_ = window_.loss;
  last_gauges_ = window_.gauges;
  window_ = {.classes = window_.classes, .majority_class = window_.majority_class};
  observed_ = 0;
  window_begin_ = seconds();
}

void Advisor::evaluated(EvaluationSummary evaluation) {
  evaluation.progress = progress_;
  give(advise_on_evaluation(evaluation));
  if (evaluation.val_AP50 >= 0 && evaluation.val_AP50 < 0.1 && progress_ > 0.95 && advice_.empty())
    give({explain_failure(last_gauges_)});
}

std::string Advisor::html() const {
  if (advice_.empty()) return "";
  std::string list = "<h2>Advice</h2><ul>";
  for (const auto& item : advice_) list += "<li>" + datasets::escape_html(item.text) + "</li>";
  return list + "</ul>";
}

}  // namespace lanner::detectors
