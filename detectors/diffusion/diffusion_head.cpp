#include "lanner/detectors/diffusion/diffusion_head.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/nn/modules/activation.h>

#include <cmath>

#include "lanner/detectors/diffusion/assignment.h"
#include "lanner/detectors/diffusion/box_loss.h"
#include "lanner/detectors/diffusion/box_stage.h"
#include "lanner/detectors/diffusion/sampler.h"
#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/options.h"
#include "lanner/detectors/roi_heads/roi_targets.h"
#include "lanner/detectors/roi_heads/suppress.h"
#include "lanner/ops/boxes.h"

namespace lanner::detectors {
namespace {

constexpr double kScale = 2;       // boxes are encoded as -kScale .. kScale
constexpr double kMinSide = 1e-3;  // fraction of the image, of decoded boxes
constexpr double kMinPadded = 1e-4;
constexpr double kClass = 2;          // weight of the loss of the classes
constexpr int64_t kPriorSize = 1024;  // boxes

// [.., 4], corners to center and sides, and back.
at::Tensor to_center(const at::Tensor& boxes) {
  const auto low = boxes.narrow(-1, 0, 2), high = boxes.narrow(-1, 2, 2);
  return torch::cat({(low + high) / 2, high - low}, -1);
}
at::Tensor to_corners(const at::Tensor& boxes) {
  const auto center = boxes.narrow(-1, 0, 2), half = boxes.narrow(-1, 2, 2) / 2;
  return torch::cat({center - half, center + half}, -1);
}

// [N, 1, 4]: width, height, width, height of each image.
at::Tensor sizes_of(const datasets::Batch& batch) {
  std::vector<float> sizes;
  for (const auto& size : batch.sizes)
    for (int i = 0; i < 2; ++i)
      sizes.insert(sizes.end(), {static_cast<float>(size.width), static_cast<float>(size.height)});
  return torch::tensor(sizes).view({-1, 1, 4}).to(batch.images.device());
}

// Sinusoids of a time, [N] in 0..1000: [N, width].
at::Tensor time_features(const at::Tensor& time, int64_t width) {
  const auto half = width / 2;
  const auto rates =
      (torch::arange(half, time.options()) * (-std::log(10000.) / static_cast<double>(half))).exp();
  const auto angles = time.unsqueeze(1) * rates;
  return torch::cat({angles.sin(), angles.cos()}, 1);
}

// [.., C + 1] logits to the scores of the classes, [.., C].
at::Tensor class_scores(const at::Tensor& logits) { return logits.softmax(-1).slice(-1, 1); }

}  // namespace

DiffusionHeadImpl::DiffusionHeadImpl(const DetectorOptions& options, const BackboneImpl& backbone)
    : sampling_(options.sampling),
      options_(options.diffusion),
      roi_(options.roi),
      width_(backbone.roi_channels) {
  time_ = register_module(
      "time", torch::nn::Sequential(torch::nn::Linear(width_, 4 * width_), torch::nn::GELU(),
                                    torch::nn::Linear(4 * width_, 4 * width_)));
  const auto classes = static_cast<int64_t>(options.categories.size());
  const auto pooling = [&](int64_t size) {
    return RoiPooling(backbone.roi_channels, backbone.roi_scales, size, roi_);
  };
  const auto last = register_module("box_roi_pool", pooling(roi_.pooled_size));
  // Deformable pooling has parameters, which would never have gradients without early stages.
  const auto early = options_.stages > 1
                         ? register_module("early_roi_pool", pooling(options_.early_pooled_size))
                         : last;
  for (int64_t i = 0; i < options_.stages; ++i) {
    const bool is_last = i + 1 == options_.stages;
    const auto size = is_last ? roi_.pooled_size : options_.early_pooled_size;
    std::shared_ptr<Stage> stage;
    if (options_.early_width > 0 && !is_last)
      stage = std::make_shared<PlainStage>(width_, classes, size * size, options_.early_width);
    else
      stage = std::make_shared<BoxStage>(width_, classes, size * size, roi_.head_width, options_);
    stages_.push_back(
        {is_last ? last : early, register_module("stage" + std::to_string(i), stage)});
  }
  // Until it is set: the middle of the image.
  if (options_.data_prior)
    prior_ =
        register_buffer("prior", torch::tensor({0.5f, 0.5f, 0.3f, 0.3f}).repeat({kPriorSize, 1}));
}

void DiffusionHeadImpl::set_prior(const at::Tensor& boxes) {
  if (!options_.data_prior || boxes.size(0) == 0) return;
  const torch::NoGradGuard no_grad;
  const auto rows = torch::linspace(0, static_cast<double>(boxes.size(0) - 1), kPriorSize);
  prior_.copy_(boxes.index_select(0, rows.round().to(torch::kLong)));
}

// Corners in pixels [N, B, 4] to -kScale .. kScale.
at::Tensor DiffusionHeadImpl::encode(const at::Tensor& boxes, const at::Tensor& sizes) const {
  return (to_center(boxes / sizes) * 2 - 1) * kScale;
}

at::Tensor DiffusionHeadImpl::decode(const at::Tensor& x, const at::Tensor& sizes) const {
  const auto center = (x.clamp(-kScale, kScale) / kScale + 1) / 2;
  const auto box =
      torch::cat({center.narrow(-1, 0, 2), center.narrow(-1, 2, 2).clamp_min(kMinSide)}, -1);
  return to_corners(box) * sizes;
}

// An image's objects, [G, 4] as cx, cy, w, h in fractions, among random boxes: [train_boxes, 4].
at::Tensor DiffusionHeadImpl::padded(const at::Tensor& boxes) const {
  const auto count = options_.train_boxes;
  const auto wanted = std::llround(options_.copies * static_cast<double>(count));
  if (const auto objects = boxes.size(0); 0 < objects && objects < wanted)
    return padded(boxes.repeat({(wanted + objects - 1) / objects, 1}).slice(0, 0, wanted));
  const auto given = boxes.size(0);
  if (given >= count) {
    const auto chosen = torch::randperm(given, torch::kLong).slice(0, 0, count).to(boxes.device());
    return boxes.index_select(0, chosen);
  }
  at::Tensor more;
  if (options_.data_prior) {
    const auto rows = torch::randint(prior_.size(0), {count - given}, torch::kLong);
    more = prior_.index_select(0, rows.to(prior_.device()));
  } else {
    more = torch::randn({count - given, 4}) / 6 + 0.5;
    more.slice(1, 2, 4).clamp_min_(kMinPadded);
  }
  return torch::cat({boxes, more.to(boxes)});
}

// What boxes become at the last level, [B, 4], encoded.
at::Tensor DiffusionHeadImpl::noise(int64_t boxes, const at::Generator& random) const {
  if (!options_.data_prior) return torch::randn({boxes, 4}, random, torch::kFloat);
  const auto rows = torch::randint(prior_.size(0), {boxes}, random, torch::kLong);
  return (prior_.cpu().index_select(0, rows) * 2 - 1) * kScale;
}

std::vector<StageOutput> DiffusionHeadImpl::run(const std::vector<at::Tensor>& features,
                                                const at::Tensor& boxes, const at::Tensor& times) {
  const auto images = features.front().size(0), count = boxes.size(0);
  const auto time = time_->forward(time_features(times, width_));
  const auto index =
      torch::arange(images, boxes.options()).repeat_interleave(count / images).unsqueeze(1);
  std::vector<StageOutput> outputs;
  auto current = boxes;
  at::Tensor queries;
  for (auto& [pooling, stage] : stages_) {
    const auto pooled = pooling(features, torch::cat({index, current}, 1));
    outputs.push_back(stage->forward(pooled, current, queries, time, images));
    current = outputs.back().boxes.detach();
    queries = outputs.back().queries;
  }
  return outputs;
}

DiffusionLosses DiffusionHeadImpl::losses(const std::vector<at::Tensor>& features,
                                          const datasets::Batch& batch) {
  const auto images = batch.size(), count = options_.train_boxes;
  const auto sizes = sizes_of(batch);
  std::vector<at::Tensor> clean, noises;
  std::vector<float> s, sigma, times;  // of each box
  for (int64_t n = 0; n < images; ++n) {
    if (!batch.seeds.empty()) torch::manual_seed(2 * batch.seeds[n]);
    // A level for each box, so that an image asks about many (as for each token in arXiv
    // 2407.01392). The root: most often near the noise that sampling begins with.
    const auto fractions = torch::rand({count}, torch::kDouble).sqrt();
    for (int64_t i = 0; i < count; ++i) {
      const auto level = level_at(sampling_.path, fractions[i].item<double>());
      s.push_back(static_cast<float>(level.s));
      sigma.push_back(static_cast<float>(level.sigma));
      times.push_back(static_cast<float>(level.time));
    }
    clean.push_back((padded(to_center(batch.boxes[n] / sizes[n])) * 2 - 1) * kScale);
    noises.push_back(noise(count, at::detail::getDefaultCPUGenerator()));
  }
  const auto of_boxes = [&](const std::vector<float>& values) {
    return torch::tensor(values).view({images, count, 1}).to(sizes.device());
  };
  const auto x =
      of_boxes(s) * torch::stack(clean) + of_boxes(sigma) * torch::stack(noises).to(sizes.device());
  const auto boxes = decode(x, sizes).flatten(0, 1);
  const auto outputs = run(features, boxes, of_boxes(times).flatten());

  at::Tensor classifier = torch::zeros({}, boxes.options()), box_reg = classifier.clone();
  for (const auto& output : outputs) {
    auto targets = torch::zeros({images * count}, boxes.options().dtype(torch::kLong));
    const auto scores = class_scores(output.logits.detach());
    std::vector<at::Tensor> predicted, wanted, image_sizes;
    int64_t matched = 0;
    for (int64_t n = 0; n < images; ++n) {
      const auto score = scores.slice(0, n * count, (n + 1) * count),
                 moved = output.boxes.slice(0, n * count, (n + 1) * count);
      const auto [rows, objects] = assign(
          score, moved, batch.boxes[n], batch.labels[n], static_cast<double>(batch.sizes[n].width),
          static_cast<double>(batch.sizes[n].height), options_.candidates, options_.min_matches);
      targets.index_put_({rows + n * count}, batch.labels[n].index_select(0, objects));
      predicted.push_back(moved.index_select(0, rows));
      wanted.push_back(batch.boxes[n].index_select(0, objects));
      image_sizes.push_back(sizes[n].expand({rows.size(0), 4}));
      matched += rows.size(0);
    }
    const double divisor = std::max(1., mean_over_ranks(static_cast<double>(matched)));
    classifier = classifier + kClass * torch::cross_entropy_loss(output.logits, targets);
    box_reg = box_reg + box_loss(torch::cat(predicted), torch::cat(wanted), torch::cat(image_sizes),
                                 options_.l1_unit) /
                            divisor;
  }
  return {classifier, box_reg};
}

std::vector<Detections> DiffusionHeadImpl::detect(const std::vector<at::Tensor>& features,
                                                  const datasets::Batch& batch,
                                                  std::vector<SamplingStep>* steps) {
  const torch::NoGradGuard no_grad;
  const auto images = batch.size(), count = sampling_.boxes;
  const auto sizes = sizes_of(batch);
  const auto device = batch.images.device();
  // Each image has a generator of its own, so that its boxes do not depend on the batch.
  std::vector<at::Generator> generators;
  for (int64_t n = 0; n < images; ++n)
    generators.push_back(at::make_generator<at::CPUGeneratorImpl>(options_.seed));
  const auto of_images = [&](const auto& draw) {
    std::vector<at::Tensor> all;
    for (auto& generator : generators) all.push_back(draw(generator));
    return torch::stack(all).to(device);
  };
  const auto fresh = [&] {
    return of_images([&](const at::Generator& random) { return noise(count, random); });
  };
  const auto gaussian = [&](const at::Tensor&) {
    return of_images([&](const at::Generator& random) {
      return torch::randn({count, 4}, random, torch::kFloat);
    });
  };

  std::vector<at::Tensor> scores, boxes;  // of each evaluation: [N, B, C] and [N, B, 4]
  const auto denoise = [&](const at::Tensor& x, const NoiseLevel& level) {
    const auto before = decode(x, sizes);
    const auto time = torch::full({1}, level.time, sizes.options());
    const auto output = run(features, before.flatten(0, 1), time).back();
    scores.push_back(class_scores(output.logits).view({images, count, -1}));
    boxes.push_back(output.boxes.view({images, count, 4}));
    if (steps)
      steps->push_back({level.sigma, before[0], boxes.back()[0], scores.back()[0].amax(1)});
    return encode(boxes.back(), sizes).clamp(-kScale, kScale);
  };
  const auto renew = [&](const at::Tensor& x, const NoiseLevel&) {
    const auto kept = scores.back().amax(2, true) > options_.renew;
    return torch::where(kept, x, fresh());
  };
  sample(denoise, fresh(), sampling_levels(sampling_.path, sampling_.steps), sampling_.sampler,
         options_.eta, gaussian, renew);

  std::vector<Detections> results;
  for (int64_t n = 0; n < images; ++n) {
    std::vector<at::Tensor> all_boxes, all_scores, all_labels;
    for (size_t i = 0; i < scores.size(); ++i) {
      const auto classes = scores[i].size(2);
      const auto [best, index] = scores[i][n].flatten().topk(count);
      const auto valid = best > roi_.score_threshold;
      all_scores.push_back(best.masked_select(valid));
      const auto chosen = index.masked_select(valid);
      all_labels.push_back(chosen % classes + 1);
      all_boxes.push_back(boxes[i][n].index_select(0, torch::div(chosen, classes, "floor")));
    }
    const auto box =
        ops::clip_boxes(torch::cat(all_boxes), batch.sizes[n].height, batch.sizes[n].width);
    results.push_back(strongest(box, torch::cat(all_labels), torch::cat(all_scores), batch.sizes[n],
                                batch.original_sizes[n], roi_));
  }
  return results;
}

}  // namespace lanner::detectors
