#include "lanner/detectors/diffusion/box_stage.h"

#include "lanner/detectors/roi_heads/linear.h"
#include "lanner/ops/dynamic_conv.h"

namespace lanner::detectors {
namespace {

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
  const auto given = features.to(weights.scalar_type());
  const auto& norm = *inner_norm_;
  if (!torch::GradMode::is_enabled() && given.is_cpu() && given.is_contiguous() &&
      given.scalar_type() == norm.weight.scalar_type()) {
    ops::add_dynamic_conv(given, weights, norm.weight, norm.bias, norm.options.eps());
    return given;
  }
  const auto count = queries.size(0), half = width_ * inner_;
  const auto first = weights.slice(1, 0, half).reshape({count, width_, inner_}),
             second = weights.slice(1, half).reshape({count, inner_, width_});
  const auto x = inner_norm_(torch::bmm(given, first)).relu().to(weights.scalar_type());
  return torch::baddbmm(given, x, second);
}

BoxStage::BoxStage(int64_t width, int64_t classes, int64_t area, int64_t head_width,
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
      box_predictor_(register_module("box_predictor", BoxMover(head_width, classes))),
      norm1_(register_module("norm1", layer_norm(width))),
      norm2_(register_module("norm2", layer_norm(width))),
      norm3_(register_module("norm3", layer_norm(width))) {}

// queries: [N, B, width].
at::Tensor BoxStage::attend(const at::Tensor& queries) {
  const auto images = queries.size(0), boxes = queries.size(1), width = queries.size(2);
  const auto parts = in_proj_(queries)
                         .view({images, boxes, 3, heads_, width / heads_})
                         .permute({2, 0, 3, 1, 4});  // [3, N, heads, B, width / heads]
  const auto result = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
  return out_proj_(result.transpose(1, 2).reshape({images, boxes, width}));
}

StageOutput BoxStage::forward(const at::Tensor& pooled, const at::Tensor& boxes,
                              const at::Tensor& given, const at::Tensor& time, int64_t images) {
  const auto features = pooled.flatten(2).transpose(1, 2);  // [K, area, width]
  const auto queries = given.defined() ? given : features.mean(1);
  const auto count = queries.size(0), width = queries.size(1);
  const auto by_image = queries.view({images, count / images, width});
  auto x = (by_image + attend(norm1_(by_image))).view({count, width});
  // No ReLU: the features of the FPN are as often negative, and short runs need them all.
  const auto hidden = linear(fc6_, dynamic_(norm2_(x), features), true);
  x = x + reduce_(hidden);
  x = x + linear2_(linear1_(norm3_(x)).relu());
  const auto change = modulation_(torch::silu(time)).chunk(2, 1);
  const auto modulated = x * (change[0] + 1) + change[1];
  auto output = box_predictor_(linear(fc7_, torch::cat({hidden, modulated}, 1), true), boxes);
  output.queries = x;
  return output;
}

}  // namespace lanner::detectors
