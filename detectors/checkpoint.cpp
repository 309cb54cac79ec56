#include "lanner/detectors/checkpoint.h"

#include <set>

#include "lanner/datasets/error.h"
#include "lanner/ops/cuda.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFormat = "1";

// What a detector has no place for: a resumed run's state, and torchvision's counters of batches.
bool is_aside(const std::string& name) {
  return name.starts_with("training.") || name.ends_with(".num_batches_tracked");
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
  std::string faults;
  for (const auto& [name, tensor] : state) {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      faults += "\n  missing: " + name;
    else if (found->second.sizes() != tensor.sizes())
      faults += "\n  misshapen: " + name + ": expected " + c10::str(tensor.sizes()) + ", got " +
                c10::str(found->second.sizes());
  }
  for (const auto& [name, tensor] : tensors)
    if (!state.count(name) && !is_aside(name)) faults += "\n  unexpected: " + name;
  if (!faults.empty()) throw bad_data(source + ": weights of another architecture:" + faults);
  for (auto& [name, tensor] : state) tensor.copy_(tensors.at(name));
}

TransferReport load_backbone(torch::nn::Module& module, const fs::path& file) {
  const torch::NoGradGuard no_grad;
  const std::string prefix = "backbone.body.";
  const auto content = read_safetensors(file);
  const auto state = state_of(module);
  TransferReport report;
  std::map<std::string, at::Tensor> chosen;
  std::string misshapen;
  for (const auto& [name, tensor] : content.tensors) {
    if (is_aside(name)) continue;
    const auto found = state.find(name.starts_with("backbone.") ? name : prefix + name);
    if (found == state.end() || !found->first.starts_with(prefix)) {
      report.unused.push_back(name);
      continue;
    }
    if (found->second.sizes() != tensor.sizes())
      misshapen += c10::str("\n  misshapen: ", found->first, ": expected ", found->second.sizes(),
                            ", got ", tensor.sizes());
    chosen[found->first] = tensor;
    report.loaded.push_back(found->first);
  }
  if (!misshapen.empty())
    throw bad_data(file.string() + ": init: weights of another architecture:" + misshapen);
  if (chosen.empty())
    throw bad_data(file.string() +
                   ": init: holds no tensor of this backbone (expected names such as "
                   "backbone.body.layer1.0.conv1.weight)");
  for (const auto& buffer : module.named_buffers())
    if (const auto end = buffer.key().rfind(".weight");
        end != std::string::npos && chosen.contains(buffer.key()) &&
        !chosen.contains(buffer.key().substr(0, end) + ".running_mean"))
      throw bad_data(file.string() + ": init: holds no " + buffer.key().substr(0, end) +
                     ".running_mean, which norm=frozen_batch cannot learn: batch, group, layer "
                     "and none can do without");
  for (const auto& [name, tensor] : state) {
    if (!name.starts_with(prefix)) continue;
    if (const auto found = chosen.find(name); found != chosen.end())
      tensor.copy_(found->second);
    else
      report.fresh.push_back(name);
  }
  return report;
}

std::string describe(const TransferReport& report, const fs::path& file) {
  // Layers by layers: backbone.body.layer4, context_down.
  std::set<std::string> fresh, unused;
  for (const auto& name : report.fresh) {
    const auto stage = name.find('.', std::string("backbone.body.").size());
    fresh.insert(name.find(".running_") != std::string::npos ? "statistics of batch norms"
                                                             : name.substr(0, stage));
  }
  for (const auto& name : report.unused) unused.insert(name.substr(0, name.find('.')));
  const auto list = [](const char* what, const std::set<std::string>& names) {
    return names.empty() ? "" : c10::str("  ", what, ": ", c10::Join(", ", names), "\n");
  };
  return c10::str(file.string(), ": ", report.loaded.size(), " tensors of the backbone loaded, ",
                  report.fresh.size(), " start fresh, ", report.unused.size(), " not used\n",
                  list("fresh", fresh), list("not used", unused));
}

std::map<std::string, std::string> metadata_of(const DetectorOptions& options) {
  return {{"format", kFormat}, {"architecture", to_json(options)}};
}

void save_detector(const fs::path& file, const Detector& detector) {
  write_safetensors(file, {state_of(*detector), metadata_of(detector->options)});
}

Detector load_detector(const fs::path& file, const Thresholds& thresholds) {
  const auto content = read_safetensors(file);
  const auto architecture = content.metadata.find("architecture");
  if (architecture == content.metadata.end())
    throw bad_data(file.string() + ": architecture: missing: these are not a detector's weights");
  if (const auto format = content.metadata.find("format");
      format == content.metadata.end() || format->second != kFormat)
    throw bad_data(file.string() + ": format: expected version " + kFormat + ", got \"" +
                   (format == content.metadata.end() ? "" : format->second) + "\"");
  auto options = options_from_json(architecture->second, file.string());
  auto& roi = options.roi;
  if (thresholds.score >= 0) roi.score_threshold = thresholds.score;
  if (thresholds.nms_iou >= 0) roi.nms_iou = thresholds.nms_iou;
  if (thresholds.most_detections >= 0) roi.most_detections = thresholds.most_detections;
  Detector detector(options);
  load_state(*detector, content.tensors, file.string());
  detector->eval();
  place(*detector, torch::kCPU);
  return detector;
}

void place(torch::nn::Module& module, const torch::Device& device) {
  const torch::NoGradGuard no_grad;
  module.to(device);
  for (auto& parameter : module.parameters())
    if (parameter.dim() == 4)
      parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
}

torch::Device device_from_name(const std::string& name) {
  const bool cuda = name.rfind("cuda", 0) == 0;
  if (name != "cpu" && !cuda)
    throw usage_error("device: expected cpu, cuda or cuda:N, got \"" + name + "\"");
  if (!cuda) return torch::kCPU;
  try {
    ops::load_cuda();
    const torch::Device device(name);
    if (!torch::cuda::is_available() ||
        device.index() >= static_cast<int>(torch::cuda::device_count()))
      throw usage_error("device: " + name + ": there is no such GPU here");
    return device;
  } catch (const c10::Error& error) {
    throw usage_error("device: " + name + ": " + error.what_without_backtrace());
  }
}

}  // namespace lanner::detectors
