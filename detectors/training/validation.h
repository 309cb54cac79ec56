#pragma once

#include "lanner/datasets/reading/coco.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/training/advisor.h"
#include "lanner/detectors/training/loop.h"
#include "lanner/detectors/training/options.h"

namespace lanner::detectors {

// Evaluates a detector on val while it is trained, has the advisor judge it, and keeps the report
// of the best evaluation of this process. What it is given must outlive it.
class Validation {
 public:
  Validation(Detector& detector, const datasets::Dataset& train, const datasets::Dataset& val,
             const TrainOptions& options, bool bfloat16, Advisor& advisor,
             const std::function<bool()>& stop);

  // Expects the detector in evaluation mode. Of raw weights nothing but the numbers is wanted.
  // Returns nothing where it was stopped.
  std::optional<Evaluation> operator()(EvaluatedWeights weights);

  const std::string& report() const { return report_; }

 private:
  double train_AP50();
  std::optional<Metrics> losses();
  std::vector<datasets::CocoDetection> detect(const datasets::Dataset& data);
  bool is_stopped() const;

  Detector& detector_;
  const datasets::Dataset& val_;
  const datasets::Dataset train_;  // a part
  const TrainOptions& options_;
  const bool bfloat16_;
  Advisor& advisor_;
  const std::function<bool()>& stop_;
  double best_ = -1;
  std::string report_;
};

}  // namespace lanner::detectors
