#include "lanner/detectors/device.h"

#include "lanner/datasets/error.h"
#include "lanner/ops/cuda.h"

namespace lanner::detectors {

torch::Device device_from_name(const std::string& name) {
  const bool cuda = name.starts_with("cuda");
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

void place(torch::nn::Module& module, const torch::Device& device) {
  const torch::NoGradGuard no_grad;
  module.to(device);
  for (auto& parameter : module.parameters())
    if (parameter.dim() == 4)
      parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
}

void place(datasets::Batch& batch, const torch::Device& device) {
  batch.images = batch.images.to(device);
  for (auto& boxes : batch.boxes) boxes = boxes.to(device);
  for (auto& labels : batch.labels) labels = labels.to(device);
}

}  // namespace lanner::detectors
