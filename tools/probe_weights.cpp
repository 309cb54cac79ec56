#include "tools/probe_weights.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "lanner/datasets/class_folders.h"
#include "lanner/datasets/coco.h"
#include "lanner/datasets/error.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/pretraining/probe.h"

namespace lanner::tools {
namespace {

using namespace detectors;

// What a network is made of and was shown.
struct Architecture {
  int depth, stages;
  Norm norm;
  int image_size;
  PatchOptions patch;

  std::string name() const {
    return c10::str("resnet", depth, " to ", stages, " ", name_of(norm), ", ", image_size, " px, ",
                    patch.size, "/", patch.stride);
  }
};

Architecture architecture_of(const std::filesystem::path& weights, const ProbeOptions& o) {
  Architecture a{o.depth, 4, o.norm, o.image_size, {}};
  const auto metadata = read_safetensors(weights).metadata;
  if (const auto detector = metadata.find("architecture"); detector != metadata.end()) {
    const auto backbone = options_from_json(detector->second, weights.string()).backbone;
    a.depth = backbone.depth, a.norm = backbone.norm;
    return a;
  }
  const auto found = metadata.find("pretraining");
  if (found == metadata.end()) return a;
  try {
    const auto json = nlohmann::json::parse(found->second);
    return {json.at("depth"),
            json.at("stages"),
            norm_from_name(json.at("norm")),
            json.at("image_size"),
            {.size = json.at("patch_size"), .stride = json.at("patch_stride")}};
  } catch (const nlohmann::json::exception& error) {
    throw bad_data(weights.string() + ": pretraining: " + error.what());
  }
}

struct Network : torch::nn::Module {
  explicit Network(const Architecture& a)
      : encoder(ResNetOptions{.depth = a.depth, .norm = a.norm, .stages = a.stages}) {
    register_module("backbone", encoder);
  }
  Encoder encoder;
};

struct Score {
  double linear, knn;
};
using Scores = std::map<int, std::vector<Score>>;  // by stage, then by seed

void measure(Network& network, const Architecture& a, const datasets::ClassSplit& images,
             const ProbeOptions& o, const std::vector<uint64_t>& seeds, Scores& scores) {
  place(network, torch::kCPU);
  const auto labels = [](const datasets::ClassFolders& data) { return torch::tensor(data.labels); };
  const auto features = [&](const datasets::ClassFolders& data) {
    return image_features(network.encoder, data.files, a.image_size,
                          o.patches ? ProbeInput::patches : ProbeInput::image, a.patch);
  };
  const auto train = features(images.train), test = features(images.test);
  for (size_t s = o.every_stage ? 0 : train.size() - 1; s < train.size(); ++s) {
    const LabelledFeatures from{train[s], labels(images.train)}, to{test[s], labels(images.test)};
    const double knn = knn_accuracy(from, to, o.neighbours);
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

// A line each, beside the untrained ones where those are given.
void print(const std::string& name, const Scores& scores, const Scores* untrained,
           nlohmann::json& rows) {
  for (const auto& [stage, all] : scores) {
    std::printf("%-44.44s %5d", name.c_str(), stage);
    nlohmann::json row{{"weights", name}, {"stage", stage}};
    for (const auto& [label, which] :
         {std::pair{"linear", &Score::linear}, std::pair{"knn", &Score::knn}}) {
      const auto values = percent(all, which);
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
  std::printf("%zu images of %zu classes to learn from, %zu to be asked about; per cent right\n",
              images.train.files.size(), images.train.classes.size(), images.test.files.size());
  std::printf("%-44s %5s  %-20s  %s\n", "", "stage", "linear, gain", "kNN, gain");
  std::vector<uint64_t> seeds;
  for (int i = 0; i < o.seeds; ++i) seeds.push_back(i);
  std::map<std::string, Scores> untrained, together;  // by architecture
  nlohmann::json rows;
  for (const auto& weights : o.weights) {
    const auto a = architecture_of(weights, o);
    auto& base = untrained[a.name()];
    if (base.empty()) {
      for (const auto seed : seeds) {
        torch::manual_seed(seed);
        Network network(a);
        measure(network, a, images, o, {seed}, base);
      }
      print("untrained " + a.name(), base, nullptr, rows);
    }
    Network network(a);
    if (const auto transfer = load_backbone(network, weights); !transfer.fresh.empty())
      throw bad_data(weights.string() + ": backbone: holds no " + transfer.fresh.front());
    Scores scores;
    measure(network, a, images, o, seeds, scores);
    print(weights.string(), scores, &base, rows);
    auto& all = together[a.name()];
    for (const auto& [stage, own] : scores)
      all[stage].push_back({mean(percent(own, &Score::linear)) / 100, own[0].knn});
  }
  for (const auto& [name, scores] : together)
    if (const auto count = scores.begin()->second.size(); count > 1)
      print(c10::str(count, " of ", name), scores, &untrained.at(name), rows);
  if (!o.json.empty()) datasets::write_file(o.json, rows.dump(1) + "\n");
  return 0;
}

}  // namespace lanner::tools
