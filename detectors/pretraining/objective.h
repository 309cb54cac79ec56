#pragma once

#include <torch/torch.h>

#include "lanner/detectors/backbones/resnet.h"
#include "lanner/detectors/pretraining/options.h"

namespace lanner::detectors {

// The detector's own ResNet up to a stage, and the mean over its cells: [P, 3, H, W] to
// [P, channels()].
class EncoderImpl : public torch::nn::Module {
 public:
  explicit EncoderImpl(const ResNetOptions& options);
  at::Tensor forward(const at::Tensor& images);
  // The same of each stage, the last being forward's.
  std::vector<at::Tensor> stages(const at::Tensor& images);
  int64_t channels() const { return body_->channels(last_); }

 private:
  int last_;
  ResNet body_{nullptr};
};
TORCH_MODULE(Encoder);

// What a step of a contrastive objective gives.
struct ContrastiveResult {
  at::Tensor loss, accuracy;  // scalars: means over all that is predicted
  int64_t candidates = 0;     // N of InfoNCE: ln N is the loss of one who guesses
  std::vector<std::pair<std::string, at::Tensor>> parts;  // accuracies, by what is predicted
  at::Tensor features;                                    // [P, channels], detached
};

// What is learned without labels. The encoder is under the detector's own names, backbone.body.*;
// the rest is dropped when pretraining is over.
class Objective : public torch::nn::Module {
 public:
  // images: [N * views(), 3, S, S], normalised, first the first view of all, then the second.
  virtual ContrastiveResult forward(const at::Tensor& images) = 0;
  virtual int views() const = 0;

  Encoder encoder{nullptr};

 protected:
  explicit Objective(const PretrainOptions& options);  // throws usage_error
};

// options.objective: cpc or simclr. Throws usage_error for what does not fit together.
std::shared_ptr<Objective> make_objective(const PretrainOptions& options);

}  // namespace lanner::detectors
