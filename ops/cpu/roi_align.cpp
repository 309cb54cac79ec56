#include <ATen/ops/_empty_affine_quantized.h>
#include <torch/library.h>

#include <array>
#include <functional>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/pooling.h"
#include "lanner/ops/roi_align.h"

namespace lanner::ops {
namespace {

struct Sampling {
  double spatial_scale;
  int64_t height, width, pooled_height, pooled_width, sampling_ratio;
  bool aligned;

  template <typename T>
  void operator()(const T* roi, int64_t, RoiWeights<T>& out) const {
    const T scale = static_cast<T>(spatial_scale);
    const auto x = roi_axis(roi[1], roi[3], scale, aligned, pooled_width, sampling_ratio);
    const auto y = roi_axis(roi[2], roi[4], scale, aligned, pooled_height, sampling_ratio);
    add_separable_bins(
        out, pooled_height, pooled_width, [&](int64_t j) { return grid_weights(out, x, j, width); },
        [&](int64_t i) { return grid_weights(out, y, i, height); });
  }
};

at::Tensor roi_align_cpu(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                         int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio,
                         bool aligned) {
  check_rois("roi_align", input, rois);
  check_pooling("roi_align", spatial_scale, pooled_height, pooled_width, sampling_ratio);
  const PoolShape shape{{input.size(0), input.size(1), input.size(2), input.size(3)},
                        rois.size(0),
                        pooled_height * pooled_width,
                        [](int64_t) { return 0; }};
  const Sampling sampling{spatial_scale, input.size(2),  input.size(3), pooled_height,
                          pooled_width,  sampling_ratio, aligned};
  return pooled("roi_align", shape, sampling, input, rois, pooled_height, pooled_width);
}

at::Tensor roi_align_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                  double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                                  int64_t sampling_ratio, bool aligned, int64_t batch,
                                  int64_t channels, int64_t height, int64_t width) {
  const char* op = "roi_align backward";
  check_pooling(op, spatial_scale, pooled_height, pooled_width, sampling_ratio);
  check_rois_backward(op, grad, rois, pooled_height, pooled_width, batch, channels, height, width);
  const PoolShape shape{
      {batch, channels, height, width}, rois.size(0), pooled_height * pooled_width, [](int64_t) {
        return 0;
      }};
  const Sampling sampling{spatial_scale, height,         width,  pooled_height,
                          pooled_width,  sampling_ratio, aligned};
  return pooled_backward(op, shape, sampling, grad, rois);
}

// Pools all bins of a RoI, in float: out[bin * stride + c].
struct Gather {
  const RoiWeights<float>& weights;
  int64_t channels;
  Affine affine;  // of quantized maps

  const AxisWeight<float>* axes() const { return weights.axis_weights.data(); }
  const BinWeights* bins() const { return weights.bins.data(); }
  int64_t count() const { return static_cast<int64_t>(weights.bins.size()); }

  void operator()(const NhwcView<const float>& in, float* out) const {
    kernels<float>().gather(in, axes(), bins(), count(), channels, out, channels);
  }
  void operator()(const NhwcView<const uint16_t>& in, float* out) const {
    narrow_kernels().gather_bfloat16(in, axes(), bins(), count(), channels, 0, 1, out, channels);
  }
  void operator()(const NhwcView<const uint8_t>& in, float* out) const {
    narrow_kernels().gather_byte(in, axes(), bins(), count(), channels,
                                 static_cast<float>(affine.zero_point),
                                 static_cast<float>(affine.scale), out, channels);
  }
};

// Stores `count` values from element `at` of a tensor on.
using Store = std::function<void(const float* values, int64_t count, int64_t at)>;

Store store_to(const at::Tensor& out) {
  void* data = out.mutable_data_ptr();
  if (out.is_quantized())
    return [to = static_cast<uint8_t*>(data), zero = static_cast<float>(out.q_zero_point()),
            scale = static_cast<float>(out.q_scale())](const float* values, int64_t count,
                                                       int64_t at) {
      narrow_kernels().to_bytes(values, count, zero, scale, to + at);
    };
  if (out.scalar_type() == at::kBFloat16)
    return [to = static_cast<uint16_t*>(data)](const float* values, int64_t count, int64_t at) {
      narrow_kernels().to_bfloat16(values, count, to + at);
    };
  return [to = static_cast<float*>(data)](const float* values, int64_t count, int64_t at) {
    std::copy_n(values, count, to + at);
  };
}

template <typename S>
void pool_levels(const std::vector<at::Tensor>& maps, const std::vector<double>& scales,
                 const at::Tensor& rois, const at::Tensor& levels, const RoiAlignOptions& o,
                 bool channels_last, const Store& store) {
  const auto* boxes = rois.const_data_ptr<float>();
  const auto* level_of = levels.const_data_ptr<int64_t>();
  const int64_t channels = maps[0].size(1), bins = o.pooled_height * o.pooled_width,
                slice = 4 * kernels<float>().lanes;
  at::parallel_for(0, rois.size(0), 8, [&](int64_t begin, int64_t end) {
    RoiWeights<float> weights;
    std::vector<float> sums(bins * slice), planes(bins * slice);
    for (int64_t k = begin; k < end; ++k) {
      const auto& map = maps[level_of[k]];
      const int64_t height = map.size(2), width = map.size(3);
      weights.axis_weights.clear();
      weights.bins.clear();
      Sampling{scales[level_of[k]], height,           width,    o.pooled_height,
               o.pooled_width,      o.sampling_ratio, o.aligned}(boxes + k * 5, k, weights);
      const S* image = static_cast<const S*>(map.const_data_ptr()) +
                       static_cast<int64_t>(boxes[k * 5]) * height * width * channels;
      const auto affine = map.is_quantized() ? Affine{map.q_scale(), map.q_zero_point()} : Affine{};
      for (int64_t c = 0; c < channels; c += slice) {
        const int64_t count = std::min(slice, channels - c);
        Gather{weights, count, affine}({image + c, width * channels, channels}, sums.data());
        if (channels_last) {
          for (int64_t b = 0; b < bins; ++b)
            store(sums.data() + b * count, count, (k * bins + b) * channels + c);
        } else {
          kernels<float>().transpose(sums.data(), count, bins, count, planes.data(), bins);
          store(planes.data(), count * bins, (k * channels + c) * bins);
        }
      }
    }
  });
}

void check_levels(const std::vector<at::Tensor>& maps, const std::vector<double>& scales,
                  const at::Tensor& rois, const at::Tensor& levels, const RoiAlignOptions& o) {
  const char* op = "roi_align_levels";
  TORCH_CHECK(!maps.empty() && maps.size() == scales.size(), op,
              ": scales: expected one for each map, got ", scales.size(), " and ", maps.size());
  for (const auto& map : maps)
    TORCH_CHECK(is_roi_align_level(map) && map.scalar_type() == maps[0].scalar_type() &&
                    map.size(0) == maps[0].size(0) && map.size(1) == maps[0].size(1),
                op,
                ": maps: expected channels-last maps of one type and as many images and "
                "channels, got ",
                map.scalar_type(), " ", map.sizes());
  TORCH_CHECK(rois.dim() == 2 && rois.size(1) == 5 && rois.scalar_type() == at::kFloat, op,
              ": rois: expected [K, 5] of float, got ", rois.scalar_type(), " ", rois.sizes());
  TORCH_CHECK(levels.scalar_type() == at::kLong && levels.numel() == rois.size(0), op,
              ": levels: expected int64 [", rois.size(0), "], got ", levels.scalar_type(), " ",
              levels.sizes());
  for (const double scale : scales)
    check_pooling(op, scale, o.pooled_height, o.pooled_width, o.sampling_ratio);
  check_batch_indices(op, rois.const_data_ptr<float>(), rois.size(0), maps[0].size(0));
  const auto* level = levels.const_data_ptr<int64_t>();
  for (int64_t k = 0; k < rois.size(0); ++k)
    TORCH_CHECK(level[k] >= 0 && level[k] < static_cast<int64_t>(maps.size()), op, ": levels[", k,
                "]: expected 0..", maps.size() - 1, ", got ", level[k]);
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("roi_align", roi_align_cpu);
  m.impl("_roi_align_backward", roi_align_backward_cpu);
}

}  // namespace

bool is_roi_align_level(const at::Tensor& map) {
  const auto type = map.scalar_type();
  return map.is_cpu() && map.dim() == 4 && map.numel() > 0 && map.size(1) % kMaxLanes == 0 &&
         map.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         (type == at::kFloat || type == at::kBFloat16 ||
          (type == at::kQUInt8 && map.qscheme() == at::kPerTensorAffine));
}

at::Tensor roi_align_levels(const std::vector<at::Tensor>& maps, const std::vector<double>& scales,
                            const at::Tensor& all_rois, const at::Tensor& all_levels,
                            const RoiAlignOptions& options, at::MemoryFormat format,
                            const std::optional<Affine>& output) {
  const auto rois = all_rois.contiguous(), levels = all_levels.contiguous();
  check_levels(maps, scales, rois, levels, options);
  const auto type = maps[0].scalar_type();
  const std::array size{rois.size(0), maps[0].size(1), options.pooled_height, options.pooled_width};
  const auto pooled =
      output ? at::_empty_affine_quantized(size, at::kQUInt8, output->scale, output->zero_point,
                                           format)
             : empty_cached(size, type == at::kBFloat16 ? at::kBFloat16 : at::kFloat, format);
  const auto run = [&]<typename S>(S) {
    pool_levels<S>(maps, scales, rois, levels, options, format == at::MemoryFormat::ChannelsLast,
                   store_to(pooled));
  };
  if (type == at::kFloat)
    run(0.0f);
  else if (type == at::kBFloat16)
    run(uint16_t{});
  else
    run(uint8_t{});
  return pooled;
}

}  // namespace lanner::ops
