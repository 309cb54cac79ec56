#pragma once

#include <torch/nn/modules/container/sequential.h>

#include <array>

#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/pretraining/objective.h"
#include "lanner/detectors/pretraining/region_views.h"
#include "lanner/detectors/roi_heads/box_head.h"

namespace lanner::detectors {

// InfoNCE between two sights of a region: the box head's features of a box in one view identify
// those of the same box in another view of the image, made by a network that is the exponential
// average of the trained one (after SoCo, arXiv 2106.02637, and MoCo, arXiv 1911.05722). Trains
// what a detector has, under its names: ResNet, FPN, and the layers of the box head.
//
// On images that are alike two things decide. Other regions that look the same are no negatives.
// And regions are drawn by how much they stand out and how few others are like them, so that what
// is small and rare is asked for as often as what is everywhere.
class Regions : public Objective {
 public:
  // Throws usage_error for options out of range.
  explicit Regions(const PretrainOptions& options);
  ContrastiveResult forward(const at::Tensor& images) override;
  int views() const override { return 1; }  // it crops its own
  void begin() override;

 private:
  struct Network {
    Backbone backbone{nullptr};
    std::shared_ptr<BoxHead> head;
    torch::nn::Sequential projection{nullptr};

    std::vector<at::Tensor> features(const at::Tensor& images);
    // Embeddings [K, D] of boxes [K, 5].
    at::Tensor embed(const std::vector<at::Tensor>& features, const at::Tensor& rois);
    std::array<torch::nn::Module*, 3> modules() {
      return {backbone.get(), head.get(), projection.get()};
    }
  };
  Network make_network() const;
  void register_network(torch::nn::Module& owner, Network& network) const;
  void update_target();

  PretrainOptions options_;
  Network online_, target_;
  std::vector<at::Tensor> online_parameters_, target_parameters_;
  std::vector<at::Tensor> online_buffers_, target_buffers_;
  int64_t batches_ = 0;  // of training
};

}  // namespace lanner::detectors
