#include "lanner/detectors/pretraining/probe.h"

#include <algorithm>
#include <array>

#include "lanner/datasets/batch.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/square_images.h"
#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {
namespace {

constexpr int64_t kChunk = 32;  // images
constexpr double kKnnTemperature = 0.07;
constexpr std::array kDecays{1e-4, 1e-3, 1e-2, 1e-1, 1.};

// A linear classifier: [D, classes] and [classes].
struct Linear {
  at::Tensor weight, bias;
  double accuracy(const LabelledFeatures& data) const {
    const auto best = torch::addmm(bias, data.features, weight).argmax(1);
    return (best == data.labels).to(torch::kDouble).mean().item<double>();
  }
};

Linear fit(const LabelledFeatures& data, int64_t classes, double decay) {
  Linear linear{torch::zeros({data.features.size(1), classes}, torch::requires_grad()),
                torch::zeros({classes}, torch::requires_grad())};
  torch::optim::LBFGS optimiser(
      {linear.weight, linear.bias},
      torch::optim::LBFGSOptions(1).max_iter(100).history_size(10).line_search_fn("strong_wolfe"));
  optimiser.step([&] {
    optimiser.zero_grad();
    const auto loss = torch::cross_entropy_loss(
                          torch::addmm(linear.bias, data.features, linear.weight), data.labels) +
                      decay / 2 * linear.weight.square().sum();
    loss.backward();
    return loss;
  });
  const torch::NoGradGuard no_grad;
  return {linear.weight.detach(), linear.bias.detach()};
}

LabelledFeatures rows(const LabelledFeatures& data, const at::Tensor& index) {
  return {data.features.index_select(0, index), data.labels.index_select(0, index)};
}

}  // namespace

void ProbeOptions::check() const {
  if (seeds < 1) throw usage_error("seeds: expected at least 1, got " + std::to_string(seeds));
  if (neighbours < 1)
    throw usage_error("neighbours: expected at least 1, got " + std::to_string(neighbours));
  if (image_size < 32)
    throw usage_error("image-size: expected at least 32, got " + std::to_string(image_size));
}

std::vector<at::Tensor> image_features(Encoder& encoder,
                                       const std::vector<std::filesystem::path>& files,
                                       int image_size, ProbeInput input,
                                       const PatchOptions& patch) {
  const torch::NoGradGuard no_grad;
  encoder->eval();
  std::vector<std::vector<at::Tensor>> of_stage;
  for (int64_t begin = 0; begin < std::ssize(files); begin += kChunk) {
    const auto end = std::min<int64_t>(begin + kChunk, std::ssize(files));
    const auto squares =
        datasets::centre_squares({files.data() + begin, files.data() + end}, image_size);
    const auto images = datasets::collate(squares, {}, 1).images;
    auto stages =
        encoder->stages(input == ProbeInput::patches ? cut_patches(images, patch) : images);
    of_stage.resize(stages.size());
    for (size_t s = 0; s < stages.size(); ++s)
      of_stage[s].push_back(
          stages[s].to(torch::kFloat).view({end - begin, -1, stages[s].size(1)}).mean(1));
  }
  std::vector<at::Tensor> features;
  for (const auto& chunks : of_stage) features.push_back(torch::cat(chunks));
  return features;
}

double linear_accuracy(const LabelledFeatures& train, const LabelledFeatures& test, uint64_t seed) {
  const auto mean = train.features.mean(0), deviation = train.features.std(0).clamp_min(1e-6);
  const auto standard = [&](const LabelledFeatures& data) {
    return LabelledFeatures{(data.features - mean) / deviation, data.labels};
  };
  const auto all = standard(train);
  const int64_t classes = train.labels.max().item<int64_t>() + 1, N = all.labels.size(0);
  const auto order = torch::randperm(N, torch::make_generator<at::CPUGeneratorImpl>(seed));
  const auto held_out = rows(all, order.slice(0, 0, N / 5));
  const auto rest = rows(all, order.slice(0, N / 5));
  double best = -1, decay = 0;
  for (const double tried : kDecays)
    if (const double right = fit(rest, classes, tried).accuracy(held_out); right > best)
      best = right, decay = tried;
  return fit(all, classes, decay).accuracy(standard(test));
}

double knn_accuracy(const LabelledFeatures& train, const LabelledFeatures& test, int neighbours) {
  const auto unit = [](const at::Tensor& x) { return torch::nn::functional::normalize(x); };
  const auto alike = torch::matmul(unit(test.features), unit(train.features).t());
  const auto [cosine, index] = alike.topk(std::min<int64_t>(neighbours, alike.size(1)));
  const int64_t classes = train.labels.max().item<int64_t>() + 1;
  const auto votes =
      torch::zeros({test.labels.size(0), classes})
          .scatter_add_(1, train.labels.take(index), (cosine / kKnnTemperature).exp());
  return (votes.argmax(1) == test.labels).to(torch::kDouble).mean().item<double>();
}

}  // namespace lanner::detectors
