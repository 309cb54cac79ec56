#include "lanner/detectors/weights/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <torch/version.h>

#include "lanner/datasets/error.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/quantization/quantize.h"
#include "lanner/detectors/quantization/quantized_layer.h"
#include "lanner/detectors/weights/metadata.h"
#include "lanner/detectors/weights/skip_init.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

// Tensors that are not part of a model: the state of a training run, and torchvision's batch
// counts.
bool is_ignored(const std::string& name) {
  return name.starts_with("training.") || name.ends_with(".num_batches_tracked");
}

// Layers whose outputs are per class, as are those of R-FCN's score maps.
bool predicts_classes(const std::string& name) {
  return name.find(".box_predictor.cls_score.") != std::string::npos ||
         name.starts_with("roi_heads.box_predictor.") || name.starts_with("roi_heads.score_");
}

void check_finite(const std::map<std::string, at::Tensor>& tensors, const std::string& source) {
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.is_floating_point() || tensor.numel() == 0 || is_ignored(name)) continue;
    const auto [low, high] = tensor.aminmax();
    if (!std::isfinite(low.item<double>()) || !std::isfinite(high.item<double>()))
      throw bad_data(source + ": " + name + ": expected finite numbers, got " +
                     std::to_string(low.item<double>()) + " to " +
                     std::to_string(high.item<double>()));
  }
}

void choose_sampling(DetectorOptions& options, const SamplingChoice& choice, const fs::path& file) {
  const bool is_given = choice.steps || choice.boxes || choice.renew || choice.sampler != "stored";
  if (is_given && options.model != "diffusion")
    throw usage_error("steps, boxes, sampler, renew: " + file.string() +
                      ": expected a diffusion detector, got " + options.model);
  auto& sampling = options.sampling;
  sampling.steps = choice.steps.value_or(sampling.steps);
  sampling.boxes = choice.boxes.value_or(sampling.boxes);
  options.diffusion.renew = choice.renew.value_or(options.diffusion.renew);
  if (choice.sampler != "stored") datasets::from_text("sampler", choice.sampler, sampling.sampler);
}

bool has_same_names(const std::vector<datasets::Category>& a,
                    const std::vector<datasets::Category>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.name == y.name; });
}

using Tensors = std::map<std::string, at::Tensor>;

void check_matches(const Tensors& state, const Tensors& tensors, const std::string& source) {
  std::string issues;
  for (const auto& [name, tensor] : state) {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      issues += "\n  missing: " + name;
    else if (found->second.sizes() != tensor.sizes())
      issues += "\n  misshapen: " + name + ": expected " + c10::str(tensor.sizes()) + ", got " +
                c10::str(found->second.sizes());
  }
  for (const auto& [name, tensor] : tensors)
    if (!state.count(name) && !is_ignored(name)) issues += "\n  unexpected: " + name;
  if (!issues.empty()) throw bad_data(source + ": weights of another architecture:" + issues);
}

// As load_state(), but parameters take the memory of `tensors`, which are left without it.
void move_state(torch::nn::Module& module, Tensors& tensors, const std::string& source) {
  const torch::NoGradGuard no_grad;
  check_matches(state_of(module), tensors, source);
  for (auto& item : module.named_parameters()) {
    const auto tensor = std::move(tensors.at(item.key()));
    item.value().set_data(tensor.to(item.value().scalar_type()));
  }
  for (auto& item : module.named_buffers()) item.value().copy_(tensors.at(item.key()));
}

}  // namespace

std::map<std::string, at::Tensor> state_of(const torch::nn::Module& module) {
  std::map<std::string, at::Tensor> state;
  for (const auto& item : module.named_parameters()) state[item.key()] = item.value().detach();
  for (const auto& item : module.named_buffers()) state[item.key()] = item.value();
  return state;
}

void load_state(torch::nn::Module& module, const std::map<std::string, at::Tensor>& tensors,
                const std::string& source) {
  const torch::NoGradGuard no_grad;
  auto state = state_of(module);
  check_matches(state, tensors, source);
  for (auto& [name, tensor] : state) tensor.copy_(tensors.at(name));
}

TransferReport load_backbone(torch::nn::Module& module, const fs::path& file) {
  const torch::NoGradGuard no_grad;
  const std::string prefix = "backbone.body.";
  const auto content = read_safetensors(file);
  const auto state = state_of(module);
  TransferReport report;
  std::map<std::string, at::Tensor> selected;
  std::string misshapen;
  for (const auto& [name, tensor] : content.tensors) {
    if (is_ignored(name)) continue;
    const auto found = state.find(name.starts_with("backbone.") ? name : prefix + name);
    if (found == state.end() || !found->first.starts_with(prefix)) {
      report.unused.push_back(name);
      continue;
    }
    if (found->second.sizes() != tensor.sizes())
      misshapen += c10::str("\n  misshapen: ", found->first, ": expected ", found->second.sizes(),
                            ", got ", tensor.sizes());
    selected[found->first] = tensor;
    report.loaded.push_back(found->first);
  }
  if (!misshapen.empty())
    throw bad_data(file.string() + ": init: weights of another architecture:" + misshapen);
  if (selected.empty())
    throw bad_data(file.string() +
                   ": init: contains no tensor of this backbone (expected names such as "
                   "backbone.body.layer1.0.conv1.weight)");
  for (const auto& buffer : module.named_buffers())
    if (const auto end = buffer.key().rfind(".weight");
        end != std::string::npos && selected.contains(buffer.key()) &&
        !selected.contains(buffer.key().substr(0, end) + ".running_mean"))
      throw bad_data(file.string() + ": init: contains no " + buffer.key().substr(0, end) +
                     ".running_mean, which norm=frozen_batch cannot learn; use norm=batch, group, "
                     "layer or none");
  for (const auto& [name, tensor] : state) {
    if (!name.starts_with(prefix)) continue;
    if (const auto found = selected.find(name); found != selected.end())
      tensor.copy_(found->second);
    else
      report.missing.push_back(name);
  }
  return report;
}

TransferReport load_matching(DetectorImpl& detector, const fs::path& file) {
  const torch::NoGradGuard no_grad;
  const auto content = read_safetensors(file);
  if (content.metadata.contains(kQuantization))
    throw bad_data(file.string() +
                   ": quantization: a quantized detector cannot be trained; start "
                   "from the weights that it was made of");
  auto report = load_backbone(detector, file);
  const auto init = detector_options_of(content.metadata, file);
  const bool same_classes = init && has_same_names(init->categories, detector.options.categories);
  auto state = state_of(detector);
  std::erase_if(report.unused, [&](const std::string& name) {
    if (!same_classes && predicts_classes(name)) return false;
    const auto& tensor = content.tensors.at(name);
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != tensor.sizes()) return false;
    found->second.copy_(tensor);
    report.loaded.push_back(name);
    return true;
  });
  const bool is_backbone =
      std::all_of(report.loaded.begin(), report.loaded.end(),
                  [](const auto& n) { return n.starts_with("backbone.body."); });
  if (!init && is_backbone) return report;
  for (const auto& name : report.loaded) state.erase(name);
  for (const auto& [name, tensor] : state)
    if (!name.starts_with("backbone.body.")) report.missing.push_back(name);
  return report;
}

std::string describe(const TransferReport& report, const fs::path& file) {
  // Summarized by top-level module, or by stage of the backbone.
  std::set<std::string> missing, unused;
  for (const auto& name : report.missing) {
    const auto stage_end = name.find('.', std::string("backbone.body.").size());
    missing.insert(name.find(".running_") != std::string::npos ? "statistics of batch norms"
                                                               : name.substr(0, stage_end));
  }
  for (const auto& name : report.unused) unused.insert(name.substr(0, name.find('.')));
  const auto list = [](const char* label, const std::set<std::string>& names) {
    return names.empty() ? "" : c10::str("  ", label, ": ", c10::Join(", ", names), "\n");
  };
  return c10::str(file.string(), ": ", report.loaded.size(), " tensors loaded, ",
                  report.missing.size(), " start fresh, ", report.unused.size(), " not used\n",
                  list("fresh", missing), list("not used", unused));
}

void save_detector(const fs::path& file, const Detector& detector) {
  auto metadata = metadata_of(detector->options);
  if (has_quantized_layers(*detector)) metadata[kQuantization] = "LibTorch " TORCH_VERSION;
  write_safetensors(file, {state_of(*detector), metadata});
}

Detector load_detector(const fs::path& file, const Thresholds& thresholds,
                       const SamplingChoice& sampling) {
  auto content = read_safetensors(file);
  auto options = detector_options_of(content.metadata, file);
  if (!options)
    throw bad_data(file.string() + ": architecture: missing; not the weights of a detector");
  auto& roi = options->roi;
  roi.score_threshold = thresholds.score_threshold.value_or(roi.score_threshold);
  roi.nms_iou = thresholds.nms_iou.value_or(roi.nms_iou);
  roi.soft_nms = thresholds.soft_nms.value_or(roi.soft_nms);
  roi.max_detections = thresholds.max_detections.value_or(roi.max_detections);
  choose_sampling(*options, sampling, file);
  auto detector = [&] {
    const SkipInit skip;
    return Detector(*options);
  }();
  if (content.metadata.contains(kQuantization)) {
    check_int8_operators();
    attach_quantized(*detector, content.tensors, file.string());
  }
  check_finite(content.tensors, file.string());
  move_state(*detector, content.tensors, file.string());
  detector->eval();
  place(*detector, torch::kCPU);
  return detector;
}

}  // namespace lanner::detectors
