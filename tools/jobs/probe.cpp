#include "tools/jobs/probe.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/reading/class_folders.h"
#include "lanner/datasets/reading/coco.h"
#include "lanner/detectors/pretraining/pretrained_encoder.h"
#include "lanner/detectors/pretraining/probe.h"

namespace lanner::tools {
namespace {

using namespace detectors;

struct Score {
  double linear, knn;
};
using Scores = std::map<int, std::vector<Score>>;  // by stage, then by seed

void measure(EncoderHolder& network, const EncoderArchitecture& a,
             const datasets::ClassSplit& images, const ProbeOptions& o,
             const std::vector<uint64_t>& seeds, Scores& scores) {
  place(network, torch::kCPU);
  const auto labels = [](const datasets::ClassFolders& data) { return torch::tensor(data.labels); };
  const auto features = [&](const datasets::ClassFolders& data) {
    return image_features(network.encoder, data.files, a.image_size,
                          o.patches ? ProbeInput::patches : ProbeInput::image, a.patch);
  };
  const auto train = features(images.train), test = features(images.test);
  for (size_t s = o.every_stage ? 0 : train.size() - 1; s < train.size(); ++s) {
    const LabelledFeatures from{train[s], labels(images.train)}, to{test[s], labels(images.test)};
    const double knn = knn_accuracy(from, to, o.neighbors);
    for (const auto seed : seeds)
      scores[static_cast<int>(s) + 1].push_back({linear_accuracy(from, to, seed), knn});
  }
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  double sum = 0;
  for (const double value : values) sum += std::pow(value - mean(values), 2);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

std::vector<double> percent(const std::vector<Score>& scores, double Score::*which) {
  std::vector<double> values;
  for (const auto& score : scores) values.push_back(100 * score.*which);
  return values;
}

// Prints a line per stage, with the difference from `untrained` if that is given, and adds it to
// `rows`.
void print(const std::string& name, const Scores& scores, const Scores* untrained,
           nlohmann::json& rows) {
  for (const auto& [stage, stage_scores] : scores) {
    std::printf("%-44.44s %5d", name.c_str(), stage);
    nlohmann::json row{{"weights", name}, {"stage", stage}};
    for (const auto& [label, which] :
         {std::pair{"linear", &Score::linear}, std::pair{"knn", &Score::knn}}) {
      const auto values = percent(stage_scores, which);
      std::printf("  %6.1f ± %-4.1f", mean(values), deviation(values));
      row[label] = values;
      if (!untrained) continue;
      std::printf(" %+6.1f", mean(values) - mean(percent(untrained->at(stage), which)));
    }
    std::printf("\n");
    rows.push_back(row);
  }
  std::fflush(stdout);
}

}  // namespace

int probe_weights(const ProbeOptions& o) {
  o.check();
  const auto images = datasets::read_class_split(o.images, o.test);
  std::printf("accuracy in percent; %zu training images of %zu classes, %zu test images\n",
              images.train.files.size(), images.train.classes.size(), images.test.files.size());
  std::printf("%-44s %5s  %-20s  %s\n", "", "stage", "linear, gain", "kNN, gain");
  std::vector<uint64_t> seeds;
  for (int i = 0; i < o.seeds; ++i) seeds.push_back(i);
  std::map<std::string, Scores> untrained, combined;  // by architecture
  nlohmann::json rows;
  for (const auto& weights : o.weights) {
    const EncoderArchitecture otherwise{
        .depth = resnet_depth(o.backbone), .norm = o.norm, .image_size = o.image_size};
    const auto a = architecture_of(weights, otherwise);
    auto& baseline = untrained[a.name()];
    if (baseline.empty()) {
      for (const auto seed : seeds) {
        torch::manual_seed(seed);
        EncoderHolder network(a);
        measure(network, a, images, o, {seed}, baseline);
      }
      print("untrained " + a.name(), baseline, nullptr, rows);
    }
    Scores scores;
    measure(*load_encoder(weights, otherwise), a, images, o, seeds, scores);
    print(weights.string(), scores, &baseline, rows);
    auto& means = combined[a.name()];
    for (const auto& [stage, stage_scores] : scores)
      means[stage].push_back(
          {mean(percent(stage_scores, &Score::linear)) / 100, stage_scores[0].knn});
  }
  for (const auto& [name, scores] : combined)
    if (const auto count = scores.begin()->second.size(); count > 1)
      print(c10::str(count, " of ", name), scores, &untrained.at(name), rows);
  if (!o.json.empty()) datasets::write_file(o.json, rows.dump(1) + "\n");
  return 0;
}

}  // namespace lanner::tools
