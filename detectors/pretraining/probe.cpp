#include "lanner/detectors/pretraining/probe.h"

#include <torch/nn/functional/normalization.h>
#include <torch/optim/lbfgs.h>

#include <algorithm>
#include <array>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/center_crops.h"
#include "lanner/datasets/loading/batch.h"
#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {
namespace {

constexpr int64_t kProbeBatch = 32;
constexpr double kKnnTemperature = 0.07;
constexpr std::array kWeightDecays{1e-4, 1e-3, 1e-2, 1e-1, 1.};

struct LinearClassifier {
  at::Tensor weight, bias;  // [D, classes], [classes]
  double accuracy(const LabelledFeatures& data) const {
    const auto predictions = torch::addmm(bias, data.features, weight).argmax(1);
    return (predictions == data.labels).to(torch::kDouble).mean().item<double>();
  }
};

LinearClassifier fit(const LabelledFeatures& data, int64_t classes, double weight_decay) {
  LinearClassifier linear{torch::zeros({data.features.size(1), classes}, torch::requires_grad()),
                          torch::zeros({classes}, torch::requires_grad())};
  torch::optim::LBFGS optimizer(
      {linear.weight, linear.bias},
      torch::optim::LBFGSOptions(1).max_iter(100).history_size(10).line_search_fn("strong_wolfe"));
  optimizer.step([&] {
    optimizer.zero_grad();
    const auto loss = torch::cross_entropy_loss(
                          torch::addmm(linear.bias, data.features, linear.weight), data.labels) +
                      weight_decay / 2 * linear.weight.square().sum();
    loss.backward();
    return loss;
  });
  const torch::NoGradGuard no_grad;
  return {linear.weight.detach(), linear.bias.detach()};
}

LabelledFeatures select_rows(const LabelledFeatures& data, const at::Tensor& index) {
  return {data.features.index_select(0, index), data.labels.index_select(0, index)};
}

}  // namespace

void ProbeOptions::check() const {
  datasets::check_fields(*this);
  resnet_depth(backbone);
}

std::vector<at::Tensor> image_features(Encoder& encoder,
                                       const std::vector<std::filesystem::path>& files,
                                       int image_size, ProbeInput input,
                                       const PatchOptions& patch) {
  const torch::NoGradGuard no_grad;
  encoder->eval();
  std::vector<std::vector<at::Tensor>> batches_by_stage;
  for (int64_t begin = 0; begin < std::ssize(files); begin += kProbeBatch) {
    const auto end = std::min<int64_t>(begin + kProbeBatch, std::ssize(files));
    const auto squares =
        datasets::center_crops({files.data() + begin, files.data() + end}, image_size);
    const auto images = datasets::collate(squares, {}, 1).images;
    auto stages =
        encoder->stages(input == ProbeInput::patches ? extract_patches(images, patch) : images);
    batches_by_stage.resize(stages.size());
    for (size_t s = 0; s < stages.size(); ++s)
      batches_by_stage[s].push_back(
          stages[s].to(torch::kFloat).view({end - begin, -1, stages[s].size(1)}).mean(1));
  }
  std::vector<at::Tensor> features;
  for (const auto& batches : batches_by_stage) features.push_back(torch::cat(batches));
  return features;
}

double linear_accuracy(const LabelledFeatures& train, const LabelledFeatures& test, uint64_t seed) {
  const auto mean = train.features.mean(0), deviation = train.features.std(0).clamp_min(1e-6);
  const auto standardize = [&](const LabelledFeatures& data) {
    return LabelledFeatures{(data.features - mean) / deviation, data.labels};
  };
  const auto all = standardize(train);
  const int64_t classes = train.labels.max().item<int64_t>() + 1, N = all.labels.size(0);
  const auto order = torch::randperm(N, torch::make_generator<at::CPUGeneratorImpl>(seed));
  const auto validation = select_rows(all, order.slice(0, 0, N / 5));
  const auto training = select_rows(all, order.slice(0, N / 5));
  double best_accuracy = -1, best_weight_decay = 0;
  for (const double weight_decay : kWeightDecays) {
    const double accuracy = fit(training, classes, weight_decay).accuracy(validation);
    if (accuracy > best_accuracy) best_accuracy = accuracy, best_weight_decay = weight_decay;
  }
  return fit(all, classes, best_weight_decay).accuracy(standardize(test));
}

double knn_accuracy(const LabelledFeatures& train, const LabelledFeatures& test, int neighbors) {
  const auto normalize = [](const at::Tensor& x) { return torch::nn::functional::normalize(x); };
  const auto similarity = torch::matmul(normalize(test.features), normalize(train.features).t());
  const auto [cosine, index] = similarity.topk(std::min<int64_t>(neighbors, similarity.size(1)));
  const int64_t classes = train.labels.max().item<int64_t>() + 1;
  const auto votes =
      torch::zeros({test.labels.size(0), classes})
          .scatter_add_(1, train.labels.take(index), (cosine / kKnnTemperature).exp());
  return (votes.argmax(1) == test.labels).to(torch::kDouble).mean().item<double>();
}

}  // namespace lanner::detectors
