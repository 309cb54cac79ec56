#include "lanner/detectors/training/autocast.h"

#include <ATen/autocast_mode.h>

#include <chrono>
#include <iomanip>
#include <iostream>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

// Least seconds of several 3x3 convolutions, in the shape of a backbone's middle.
double convolution_seconds(at::ScalarType type) {
  const torch::NoGradGuard no_grad;
  const auto layout = at::MemoryFormat::ChannelsLast;
  const auto image = at::ones({1, 128, 48, 48}, type).contiguous(layout);
  const auto weight = at::ones({128, 128, 3, 3}, type).contiguous(layout);
  double least = 1e9;
  for (int i = 0; i < 8; ++i) {  // the first ones make the kernel
    const auto begin = std::chrono::steady_clock::now();
    at::conv2d(image, weight);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    least = std::min(least, spent.count());
  }
  return least;
}

}  // namespace

Autocast::Autocast(bool on, c10::DeviceType device) : on_(on), device_(device) {
  if (!on_) return;
  was_on_ = at::autocast::is_autocast_enabled(device_);
  was_type_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::increment_nesting();
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
}

Autocast::~Autocast() {
  if (!on_) return;
  at::autocast::set_autocast_enabled(device_, was_on_);
  at::autocast::set_autocast_dtype(device_, was_type_);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

bool bfloat16_wanted(const std::string& amp, c10::DeviceType device) {
  if (amp == "true" || amp == "false") return amp == "true";
  if (amp != "auto") throw usage_error("amp: expected true, false or auto, got \"" + amp + "\"");
  if (device != c10::kCPU) return true;
  const double gain = convolution_seconds(at::kFloat) / convolution_seconds(at::kBFloat16);
  std::cerr << "amp: bfloat16 is " << std::fixed << std::setprecision(1) << gain
            << " times as fast as float32 here: " << (gain > 1 ? "used" : "not used") << "\n"
            << std::defaultfloat;
  return gain > 1;
}

}  // namespace lanner::detectors
