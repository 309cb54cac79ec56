#include "lanner/detectors/training/validation.h"

#include "lanner/datasets/evaluation/error_analysis.h"
#include "lanner/datasets/loading/loader.h"
#include "lanner/datasets/reports/evaluation_html.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/inference/detect_dataset.h"

namespace lanner::detectors {
namespace {

constexpr size_t kTrainImages = 40;  // that are evaluated where val is poor
constexpr double kPoor = 0.5;        // AP50

}  // namespace

Validation::Validation(Detector& detector, const datasets::Dataset& train,
                       const datasets::Dataset& val, const TrainOptions& options, bool bfloat16,
                       Advisor& advisor, const std::function<bool()>& stop)
    : detector_(detector),
      val_(val),
      train_(datasets::evenly_spaced(train, kTrainImages)),
      options_(options),
      bfloat16_(bfloat16),
      advisor_(advisor),
      stop_(stop) {}

std::optional<Evaluation> Validation::operator()(EvaluatedWeights weights) {
  const Autocast autocast(bfloat16_, detector_->parameters().front().device().type());
  const auto detections = detect(val_);
  if (is_stopped()) return std::nullopt;
  const auto truth = datasets::to_coco(val_);
  const auto metrics = datasets::evaluate_coco(truth, detections);
  Evaluation evaluation{metrics.AP,
                        {{"AP", metrics.AP}, {"AP50", metrics.AP50}, {"AP75", metrics.AP75}}};
  if (options_.val_loss) {
    const auto terms = losses();
    if (!terms) return std::nullopt;
    evaluation.metrics.insert(evaluation.metrics.end(), terms->begin(), terms->end());
  }
  if (weights == EvaluatedWeights::raw) return evaluation;
  EvaluationSummary summary{.val_AP50 = metrics.AP50, .val_AP75 = metrics.AP75};
  if (metrics.AP50 >= 0 && metrics.AP50 < kPoor) {
    summary.train_AP50 = train_AP50();
    if (is_stopped()) return std::nullopt;
    const auto errors = datasets::analyze_errors(truth, detections, metrics);
    summary.localization_gain = errors.kinds[int(datasets::ErrorKind::localization)].ap_gain;
  }
  advisor_.evaluated(summary);
  if (metrics.AP > best_) {
    best_ = metrics.AP;
    report_ = "<h2>The best weights on the validation data</h2>" +
              datasets::evaluation_html(val_, detections);
  }
  return evaluation;
}

// On a part of train, by each rank alone, which needs no other if an image cannot be read; -1 where
// that cannot be measured.
double Validation::train_AP50() {
  try {
    const auto detections = detect_dataset(detector_, train_, options_.loop.batch_size,
                                           options_.loop.workers, {}, stop_);
    return datasets::evaluate_coco(datasets::to_coco(train_), detections).AP50;
  } catch (const Error&) {  // an image that the run skips (on_bad_image)
    return -1;
  }
}

// Means over val's images, which draw the same anchors and RoIs each time.
std::optional<Metrics> Validation::losses() {
  const torch::NoGradGuard no_grad;
  const int batch_size = options_.loop.batch_size;
  const auto shard = shard_of_rank(val_, batch_size);
  const auto loader = datasets::evaluation_loader(
      shard, batch_size, detector_->options.resize,
      {.threads = options_.loop.workers, .normalization = detector_->options.normalization});
  std::vector<std::string> names;
  const int64_t terms = detector_->options.model == "diffusion" ? 2 : 4;  // of Losses::named()
  auto sums = torch::zeros({terms + 1}, torch::kDouble);  // and the images: a rank may have none
  {
    const SingleRankGuard single;  // ranks have different numbers of batches
    while (auto batch = loader->next()) {
      if (stop_()) break;
      place(*batch, detector_->parameters().front().device());
      for (const auto id : batch->image_ids) batch->seeds.push_back(static_cast<uint64_t>(id));
      const auto losses = detector_->losses(*batch).named();
      const auto images = static_cast<double>(batch->size());
      for (size_t i = 0; i < losses.size(); ++i)
        sums[static_cast<int64_t>(i)] += images * losses[i].second.item<double>();
      sums[-1] += images;
      names.clear();
      for (const auto& [name, value] : losses) names.push_back(name);
    }
  }
  sums = sum_over_ranks(sums);
  if (is_stopped()) return std::nullopt;
  const auto means = sums / sums[-1];
  Metrics metrics{{"loss", means.slice(0, 0, -1).sum().item<double>()}};
  for (size_t i = 0; i < names.size(); ++i)
    metrics.emplace_back(names[i], means[static_cast<int64_t>(i)].item<double>());
  return metrics;
}

std::vector<datasets::CocoDetection> Validation::detect(const datasets::Dataset& data) {
  return detect_by_ranks(detector_, data, options_.loop.batch_size, options_.loop.workers, stop_);
}

bool Validation::is_stopped() const { return mean_over_ranks(stop_()) > 0; }

}  // namespace lanner::detectors
