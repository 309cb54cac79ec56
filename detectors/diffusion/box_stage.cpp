#include "lanner/detectors/diffusion/box_stage.h"

#include <cmath>

#include "lanner/detectors/upcast.h"

namespace lanner::detectors {
namespace {

constexpr double kBoxWeight = 2;         // of the deltas of centers
constexpr double kMaxGrowth = 1e5 / 16;  // of a side
constexpr double kDeltaStd = 0.001;      // of the initial weights that predict deltas

torch::nn::Linear xavier_linear(int64_t in, int64_t out, bool bias = true) {
  torch::nn::Linear layer(torch::nn::LinearOptions(in, out).bias(bias));
  torch::nn::init::xavier_uniform_(layer->weight);
  if (bias) torch::nn::init::zeros_(layer->bias);
  return layer;
}

torch::nn::LayerNorm layer_norm(int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}));
}

// A layer whose outputs are zero at first, for what is added to something.
torch::nn::Linear zero_linear(int64_t in, int64_t out) {
  torch::nn::Linear layer(in, out);
  torch::nn::init::zeros_(layer->weight);
  torch::nn::init::zeros_(layer->bias);
  return layer;
}

// Moves boxes [K, 4] by deltas [K, 4]: centers by fractions of the sides, sides by factors.
at::Tensor moved(const at::Tensor& boxes, const at::Tensor& deltas) {
  const auto low = boxes.slice(1, 0, 2), high = boxes.slice(1, 2, 4);
  const auto sides = high - low;
  const auto centers = (low + high) / 2 + deltas.slice(1, 0, 2) / kBoxWeight * sides;
  const auto half = deltas.slice(1, 2, 4).clamp_max(std::log(kMaxGrowth)).exp() * sides / 2;
  return torch::cat({centers - half, centers + half}, 1);
}

}  // namespace

DynamicConvImpl::DynamicConvImpl(int64_t width, int64_t inner)
    : width_(width),
      inner_(inner),
      weights_(register_module("weights", xavier_linear(width, 2 * width * inner, false))),
      inner_norm_(register_module("inner_norm", layer_norm(inner))) {
  const torch::NoGradGuard no_grad;
  weights_->weight.slice(0, width * inner).zero_();  // the second convolution's
}

at::Tensor DynamicConvImpl::forward(const at::Tensor& queries, const at::Tensor& features) {
  const auto weights = weights_(queries);
  const auto count = queries.size(0), half = width_ * inner_;
  const auto first = weights.slice(1, 0, half).reshape({count, width_, inner_}),
             second = weights.slice(1, half).reshape({count, inner_, width_});
  const auto given = features.to(weights.scalar_type());
  const auto x = inner_norm_(torch::bmm(given, first)).relu().to(weights.scalar_type());
  // Where nothing else needs the features: a copy of them takes longer than the product.
  return torch::GradMode::is_enabled() ? torch::baddbmm(given, x, second)
                                       : given.baddbmm_(x, second);
}

BoxStageImpl::BoxStageImpl(int64_t width, int64_t classes, int64_t area, int64_t head_width,
                           const DiffusionOptions& options)
    : heads_(options.heads),
      in_proj_(register_module("in_proj", xavier_linear(width, 3 * width))),
      out_proj_(register_module("out_proj", zero_linear(width, width))),
      dynamic_(register_module("dynamic", DynamicConv(width, options.dynamic_width))),
      fc6_(register_module("fc6", torch::nn::Linear(area * width, head_width))),
      reduce_(register_module("reduce", torch::nn::Linear(head_width, width))),
      linear1_(register_module("linear1", xavier_linear(width, options.feed_forward))),
      linear2_(register_module("linear2", zero_linear(options.feed_forward, width))),
      modulation_(register_module("modulation", zero_linear(4 * width, 2 * width))),
      fc7_(register_module("fc7", torch::nn::Linear(head_width + width, head_width))),
      cls_score_(head_width, classes + 1),
      bbox_pred_(head_width, 4),
      norm1_(register_module("norm1", layer_norm(width))),
      norm2_(register_module("norm2", layer_norm(width))),
      norm3_(register_module("norm3", layer_norm(width))) {
  // A stage begins with the boxes of the one before, so that each learns from sound ones.
  torch::nn::init::normal_(bbox_pred_->weight, 0, kDeltaStd);
  torch::nn::init::zeros_(bbox_pred_->bias);
  auto predictor = register_module("box_predictor", std::make_shared<torch::nn::Module>());
  predictor->register_module("cls_score", cls_score_);
  predictor->register_module("bbox_pred", bbox_pred_);
}

// queries: [N, B, width].
at::Tensor BoxStageImpl::attend(const at::Tensor& queries) {
  const auto images = queries.size(0), boxes = queries.size(1), width = queries.size(2);
  const auto parts = in_proj_(queries)
                         .view({images, boxes, 3, heads_, width / heads_})
                         .permute({2, 0, 3, 1, 4});  // [3, N, heads, B, width / heads]
  const auto result = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
  return out_proj_(result.transpose(1, 2).reshape({images, boxes, width}));
}

StageOutput BoxStageImpl::forward(const at::Tensor& pooled, const at::Tensor& boxes,
                                  at::Tensor queries, const at::Tensor& time, int64_t images) {
  const auto features = pooled.flatten(2).transpose(1, 2);  // [K, area, width]
  if (!queries.defined()) queries = features.mean(1);
  const auto count = queries.size(0), width = queries.size(1);
  const auto by_image = queries.view({images, count / images, width});
  auto x = (by_image + attend(norm1_(by_image))).view({count, width});
  // No ReLU: the features of the FPN are as often negative, and short runs need them all.
  const auto hidden = fc6_(dynamic_(norm2_(x), features).flatten(1)).relu();
  x = x + reduce_(hidden);
  x = x + linear2_(linear1_(norm3_(x)).relu());
  const auto change = modulation_(torch::silu(time)).chunk(2, 1);
  const auto modulated = x * (change[0] + 1) + change[1];
  const auto output = fc7_(torch::cat({hidden, modulated}, 1)).relu();
  return {upcast(cls_score_(output)), moved(boxes, upcast(bbox_pred_(output))), x};
}

}  // namespace lanner::detectors
