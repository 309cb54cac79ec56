#include "lanner/detectors/autocast.h"

#include <ATen/autocast_mode.h>

#include <chrono>
#include <iomanip>
#include <iostream>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

// Measures the minimum time of a 3x3 convolution with the shape of a middle backbone stage.
double convolution_seconds(at::ScalarType type) {
  const torch::NoGradGuard no_grad;
  const auto layout = at::MemoryFormat::ChannelsLast;
  const auto image = at::ones({1, 128, 48, 48}, type).contiguous(layout);
  const auto weight = at::ones({128, 128, 3, 3}, type).contiguous(layout);
  double min_seconds = 1e9;
  for (int i = 0; i < 8; ++i) {  // the first iterations compile the kernel
    const auto begin = std::chrono::steady_clock::now();
    at::conv2d(image, weight);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    min_seconds = std::min(min_seconds, elapsed.count());
  }
  return min_seconds;
}

}  // namespace

Autocast::Autocast(bool enabled, c10::DeviceType device) : enabled_(enabled), device_(device) {
  if (!enabled_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device_);
  previous_type_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::increment_nesting();
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
}

Autocast::~Autocast() {
  if (!enabled_) return;
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, previous_type_);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

bool use_bfloat16(const std::string& amp, c10::DeviceType device) {
  if (amp == "true" || amp == "false") return amp == "true";
  if (amp != "auto") throw usage_error("amp: expected true, false or auto, got \"" + amp + "\"");
  if (device != c10::kCPU) return true;
  const double speedup = convolution_seconds(at::kFloat) / convolution_seconds(at::kBFloat16);
  std::cerr << "amp: bfloat16 is " << std::fixed << std::setprecision(1) << speedup
            << " times as fast as float32 on this machine: "
            << (speedup > 1 ? "enabled" : "disabled") << "\n"
            << std::defaultfloat;
  return speedup > 1;
}

}  // namespace lanner::detectors
