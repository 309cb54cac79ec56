#include "lanner/detectors/rpn/anchors.h"

#include "lanner/datasets/error.h"

namespace lanner::detectors {

AnchorGenerator::AnchorGenerator(const AnchorOptions& options) {
  const auto ratios = torch::tensor(options.ratios, torch::kFloat);
  const auto heights = torch::sqrt(ratios).unsqueeze(1), widths = 1 / heights;
  for (const auto& level : options.sizes) {
    const auto sizes = torch::tensor(level, torch::kFloat).unsqueeze(0);
    const auto width = (widths * sizes).view(-1), height = (heights * sizes).view(-1);
    base_anchors_.push_back((torch::stack({-width, -height, width, height}, 1) / 2).round());
  }
}

at::Tensor AnchorGenerator::operator()(const std::vector<at::Tensor>& features,
                                       datasets::ImageSize padded) const {
  std::vector<at::Tensor> anchors;
  for (size_t level = 0; level < features.size(); ++level) {
    const int64_t height = features[level].size(2), width = features[level].size(3);
    const auto options = torch::dtype(torch::kFloat).device(features[level].device());
    const auto y = torch::arange(height, options) * (padded.height / height);
    const auto x = torch::arange(width, options) * (padded.width / width);
    const auto grid = torch::meshgrid({y, x}, "ij");
    const auto shift_y = grid[0].reshape(-1), shift_x = grid[1].reshape(-1);
    const auto shifts = torch::stack({shift_x, shift_y, shift_x, shift_y}, 1);
    anchors.push_back(
        (shifts.view({-1, 1, 4}) + base_anchors_[level].to(options.device()).view({1, -1, 4}))
            .view({-1, 4}));
  }
  return torch::cat(anchors);
}

}  // namespace lanner::detectors
