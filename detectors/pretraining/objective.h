#pragma once

#include "lanner/ops/torch.h"

#include "lanner/detectors/backbones/resnet.h"
#include "lanner/detectors/pretraining/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// A detector's ResNet up to a stage, followed by global average pooling.
class LANNER_API EncoderImpl : public torch::nn::Module {
 public:
  explicit EncoderImpl(const ResNetOptions& options);
  // A body that exists, up to a stage.
  EncoderImpl(ResNet body, int last_stage);
  // images: [P, 3, H, W], normalized. Returns [P, channels()].
  at::Tensor forward(const at::Tensor& images);
  // Returns the pooled output of each stage, [P, channels of the stage]; the last equals forward().
  std::vector<at::Tensor> stages(const at::Tensor& images);
  // Returns the output of each stage, [P, channels, H, W].
  std::vector<at::Tensor> maps(const at::Tensor& images) {
    return body_->forward(images, last_stage_);
  }
  int64_t channels() const { return body_->channels(last_stage_); }

 private:
  int last_stage_;
  ResNet body_{nullptr};
};
TORCH_MODULE(Encoder);

// The result of a step of a contrastive objective.
struct ContrastiveResult {
  at::Tensor loss, accuracy;  // scalars: means over all predictions
  int64_t candidates = 0;     // N of InfoNCE; guessing has the loss ln N
  std::vector<std::pair<std::string, at::Tensor>> parts;  // accuracies of kinds of predictions
  at::Tensor features;                                    // [P, channels], detached
};

// A self-supervised objective. What a detector has, too, has its names there: backbone.body.* and,
// of some, more; the other modules are only used in pretraining.
class Objective : public torch::nn::Module {
 public:
  // images: [N * views(), 3, S, S], normalized: the first view of all N images, then the second.
  virtual ContrastiveResult forward(const at::Tensor& images) = 0;
  virtual int views() const = 0;  // per image
  // To be called when the weights that pretraining begins with are in place.
  virtual void begin() {}

  Encoder encoder{nullptr};

 protected:
  Objective() = default;
  explicit Objective(const PretrainOptions& options);  // throws usage_error
};

// Creates the objective options.objective, "cpc", "simclr" or "regions". Throws usage_error for
// options that are out of range or contradict each other.
LANNER_API std::shared_ptr<Objective> make_objective(const PretrainOptions& options);

}  // namespace lanner::detectors
