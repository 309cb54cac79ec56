#pragma once

#include "lanner/ops/torch.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lanner/datasets/loading/view_pairs.h"
#include "lanner/detectors/pseudo_labels/teacher.h"
#include "lanner/detectors/training/loop.h"
#include "lanner/detectors/training/options.h"

namespace lanner::detectors {

// The images of options.unlabelled other than the labeled ones, with the objects of
// options.pseudo.truth. Throws as datasets::open_unlabelled does.
datasets::Dataset open_unlabelled(const TrainOptions& options, const datasets::Dataset& train,
                                  const datasets::Dataset& val);

// The part of a training run that learns from unlabeled images: after the burn-in, every step adds
// the losses of a student on strong views, with what its teacher saw on the weak ones as targets.
class SelfTraining {
 public:
  // `train`: the labeled data. `samples`: how its images are loaded. `batches`: of the whole run.
  // The data sets must outlive this.
  SelfTraining(const TrainOptions& options, const datasets::Dataset& train,
               const datasets::Dataset& unlabelled, const DetectorOptions& detector,
               const datasets::TrainingSampleOptions& samples, int64_t batches, bool bfloat16);

  // Is to hold the average of the student's weights at every step.
  torch::nn::Module* teacher() { return teacher_.ptr().get(); }

  // Adds the losses on unlabeled images to a step's result. Does nothing in the burn-in.
  void add_losses(StepResult& result, Detector& student, int64_t batch, double progress);

  std::map<std::string, at::Tensor> state() const { return thresholds_->state(); }
  // Begins anew where the run goes on with other unlabeled images, and had none.
  void load_state(const SafeTensors& checkpoint, const std::string& file) {
    if (!options_.loop.take_changes || thresholds_->is_in(checkpoint.tensors))
      thresholds_->load_state(checkpoint.tensors, file);
  }

  // Draws the latest pseudo-labels: RUN/pseudo_labels.png, and the first time also
  // RUN/pseudo_labels_first.png. Returns a part of the report; empty in the burn-in.
  std::string draw() const;

 private:
  void measure(const datasets::ViewPairs& pairs, const PseudoLabels& labels);
  void log(StepResult& result) const;
  std::vector<double> objects_per_view(const datasets::Dataset& train) const;

  const TrainOptions& options_;
  datasets::TrainingSampleOptions samples_;  // of unlabeled images
  const int64_t batches_;
  const bool bfloat16_;
  const datasets::Dataset& images_;
  Detector teacher_;
  std::optional<ClassThresholds> thresholds_;
  std::unique_ptr<datasets::Prefetcher<datasets::ViewPairs>> loader_;
  std::optional<datasets::ViewPairs> last_;
  PseudoLabels last_labels_;
  // Sums over the last views, by label.
  struct Measured {
    explicit Measured(size_t labels)
        : boxes(labels), right(labels), objects(labels), found(labels) {}
    double views = 0;
    std::vector<double> boxes, right, objects, found;
  } measured_;
};

}  // namespace lanner::detectors
