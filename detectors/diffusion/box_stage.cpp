#include "lanner/detectors/diffusion/box_stage.h"

#include <torch/nn/modules/activation.h>

#include <cmath>

#include "lanner/detectors/upcast.h"

namespace lanner::detectors {
namespace {

constexpr double kPrior = 0.01;          // score of an untrained network
constexpr double kBoxWeight = 2;         // of the deltas of centers
constexpr double kMaxGrowth = 1e5 / 16;  // of a side
constexpr double kDeltaStd = 0.01;       // of the initial weights that predict deltas

torch::nn::Linear plain(int64_t in, int64_t out) {
  torch::nn::Linear layer(torch::nn::LinearOptions(in, out).bias(false));
  torch::nn::init::xavier_uniform_(layer->weight);
  return layer;
}

torch::nn::Linear linear_layer(int64_t in, int64_t out) {
  torch::nn::Linear layer(in, out);
  torch::nn::init::xavier_uniform_(layer->weight);
  torch::nn::init::zeros_(layer->bias);
  return layer;
}

torch::nn::LayerNorm layer_norm(int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}));
}

torch::nn::Sequential layers(int64_t count, int64_t width) {
  torch::nn::Sequential all;
  for (int64_t i = 0; i < count; ++i) {
    all->push_back(plain(width, width));
    all->push_back(layer_norm(width));
    all->push_back(torch::nn::ReLU());
  }
  return all;
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

DynamicConvImpl::DynamicConvImpl(int64_t width, int64_t inner, int64_t area)
    : width_(width),
      inner_(inner),
      weights_(register_module("weights", linear_layer(width, 2 * width * inner))),
      out_(register_module("out", linear_layer(area * width, width))),
      inner_norm_(register_module("inner_norm", layer_norm(inner))),
      position_norm_(register_module("position_norm", layer_norm(width))),
      out_norm_(register_module("out_norm", layer_norm(width))) {}

at::Tensor DynamicConvImpl::forward(const at::Tensor& queries, const at::Tensor& features) {
  const auto weights = weights_(queries);
  const auto count = queries.size(0), half = width_ * inner_;
  const auto first = weights.slice(1, 0, half).reshape({count, width_, inner_}),
             second = weights.slice(1, half).reshape({count, inner_, width_});
  auto x = inner_norm_(torch::bmm(features.to(weights.scalar_type()), first)).relu();
  // The sum leads past the few inner channels: through them alone, short runs hardly learn where
  // objects end.
  x = position_norm_(features + torch::bmm(x.to(weights.scalar_type()), second)).relu();
  return out_norm_(out_(x.flatten(1))).relu();
}

BoxStageImpl::BoxStageImpl(int64_t width, int64_t classes, int64_t area,
                           const DiffusionOptions& options)
    : heads_(options.heads),
      in_(register_module("in", linear_layer(width, 3 * width))),
      attended_(register_module("attended", linear_layer(width, width))),
      grow_(register_module("grow", linear_layer(width, options.feed_forward))),
      shrink_(register_module("shrink", linear_layer(options.feed_forward, width))),
      modulation_(register_module("modulation", linear_layer(4 * width, 2 * width))),
      cls_score_(linear_layer(width, classes)),
      bbox_pred_(linear_layer(width, 4)),
      dynamic_(register_module("dynamic", DynamicConv(width, options.dynamic_width, area))),
      norm1_(register_module("norm1", layer_norm(width))),
      norm2_(register_module("norm2", layer_norm(width))),
      norm3_(register_module("norm3", layer_norm(width))),
      cls_layer_(register_module("cls_layer", layers(1, width))),
      box_layers_(register_module("box_layers", layers(3, width))) {
  torch::nn::init::constant_(cls_score_->bias, -std::log((1 - kPrior) / kPrior));
  // A stage begins with the boxes of the one before, so that each learns from sound ones.
  torch::nn::init::normal_(bbox_pred_->weight, 0, kDeltaStd);
  auto predictor = register_module("box_predictor", std::make_shared<torch::nn::Module>());
  predictor->register_module("cls_score", cls_score_);
  predictor->register_module("bbox_pred", bbox_pred_);
}

// queries: [N, B, width].
at::Tensor BoxStageImpl::attend(const at::Tensor& queries) {
  const auto images = queries.size(0), boxes = queries.size(1), width = queries.size(2);
  const auto parts = in_(queries)
                         .view({images, boxes, 3, heads_, width / heads_})
                         .permute({2, 0, 3, 1, 4});  // [3, N, heads, B, width / heads]
  const auto result = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
  return attended_(result.transpose(1, 2).reshape({images, boxes, width}));
}

StageOutput BoxStageImpl::forward(const at::Tensor& pooled, const at::Tensor& boxes,
                                  at::Tensor queries, const at::Tensor& time, int64_t images) {
  const auto features = pooled.flatten(2).transpose(1, 2);  // [K, area, width]
  if (!queries.defined()) queries = features.mean(1);
  const auto count = queries.size(0), width = queries.size(1);
  const auto by_image = queries.view({images, count / images, width});
  auto x = norm1_(by_image + attend(by_image)).view({count, width});
  x = norm2_(x + dynamic_(x, features));
  x = norm3_(x + shrink_(grow_(x).relu()));
  const auto change = modulation_(torch::silu(time)).chunk(2, 1);
  const auto told = x * (change[0] + 1) + change[1];
  return {upcast(cls_score_(cls_layer_->forward(told))),
          moved(boxes, upcast(bbox_pred_(box_layers_->forward(told)))), x};
}

}  // namespace lanner::detectors
