#pragma once

#include <ATen/ops/zeros.h>

#include "lanner/ops/cpu/pooling.h"
#include "lanner/ops/deform_roi_sampling.h"

namespace lanner::ops {

// The CPU implementation of the deformable RoI operators, for either sampling of
// deform_roi_sampling.h.

// Adds the weights of RoI k for one class. offset: null, or [K, 2 * classes, part_height,
// part_width].
template <typename T, typename Sampling>
struct DeformWeights {
  const DeformPoolShape& s;
  const Sampling& sampling;
  const T* offset;
  int64_t class_index = 0;

  SampleLine<T> x(const T* roi, int64_t k, int64_t bin) const {
    const T offset_value = offset ? offset[s.offset(k, class_index, bin)] : T(0);
    return sampling.line(roi[1], roi[3], s.pooled_width, bin % s.pooled_width, offset_value);
  }
  SampleLine<T> y(const T* roi, int64_t k, int64_t bin) const {
    const T offset_value = offset ? offset[s.offset(k, class_index, bin) + s.part()] : T(0);
    return sampling.line(roi[2], roi[4], s.pooled_height, bin / s.pooled_width, offset_value);
  }

  static WeightRange add_weights(RoiWeights<T>& out, const SampleLine<T>& line, int64_t size) {
    return out.add_weights(
        line.range(size), size, [&](int64_t i) { return line.position(i); },
        Sampling::template sample<T>,
        [&](int64_t inside) { return line_sample_weight<Sampling>(line, inside); });
  }
  static WeightRange add_derivatives(RoiWeights<T>& out, const SampleLine<T>& line, int64_t size) {
    return out.add_derivatives(
        line.range(size), size, [&](int64_t i) { return line.position(i); },
        Sampling::template sample<T>,
        [&](int64_t inside) { return line_sample_weight<Sampling>(line, inside); });
  }

  void operator()(const T* roi, int64_t k, RoiWeights<T>& out) const {
    if (!offset)  // without offsets, bins stay aligned in rows and columns
      return add_separable_bins(
          out, s.pooled_height, s.pooled_width,
          [&](int64_t j) { return add_weights(out, x(roi, k, j), s.width); },
          [&](int64_t i) { return add_weights(out, y(roi, k, i * s.pooled_width), s.height); });
    for (int64_t bin = 0; bin < s.bins(); ++bin) {
      const auto x_weights = add_weights(out, x(roi, k, bin), s.width);
      out.add_bin(x_weights, add_weights(out, y(roi, k, bin), s.height));
    }
  }
};

// Adds the bins of a RoI, followed by two more per bin: the derivatives of its weights with respect
// to shifts along x and y.
template <typename T, typename Sampling>
struct DeformDerivatives {
  DeformWeights<T, Sampling> weight_rule;

  void operator()(const T* roi, int64_t k, RoiWeights<T>& out) const {
    const auto& s = weight_rule.s;
    const size_t first = out.bins.size();
    for (int64_t bin = 0; bin < s.bins(); ++bin)
      out.add_bin(weight_rule.add_weights(out, weight_rule.x(roi, k, bin), s.width),
                  weight_rule.add_weights(out, weight_rule.y(roi, k, bin), s.height));
    for (int64_t bin = 0; bin < s.bins(); ++bin) {
      const BinWeights bin_weights = out.bins[first + bin];
      out.add_bin(weight_rule.add_derivatives(out, weight_rule.x(roi, k, bin), s.width),
                  {bin_weights.y_begin, bin_weights.y_end});
      out.add_bin({bin_weights.x_begin, bin_weights.x_end},
                  weight_rule.add_derivatives(out, weight_rule.y(roi, k, bin), s.height));
    }
  }
};

inline PoolShape pool_shape(const DeformPoolShape& s, int64_t rois) {
  return {{s.batch, s.channels, s.height, s.width, s.groups()}, rois, s.bins(), [&](int64_t bin) {
            return s.group(bin);
          }};
}

// If offsets differ by class, each class may have too few channels to fill a vector. The planes are
// then read directly, one channel at a time.
template <typename T>
NhwcView<T> plane_view(const DeformPoolShape& s, T* planes, int64_t image, int64_t c, int64_t bin) {
  const MapShape map{s.batch, s.channels, s.height, s.width, s.groups()};
  return {planes + map.plane(image, c, s.group(bin)), s.width, 1};
}

template <typename T, typename Sampling>
void planar_forward(const DeformPoolShape& s, const DeformWeights<T, Sampling>& weight_rule,
                    const T* rois, int64_t count, const T* input, T* output, bool channels_last) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    auto class_rule = weight_rule;
    std::vector<T> sums(s.bins() * s.channels);
    for (int64_t k = begin; k < end; ++k) {
      const T* roi = rois + k * 5;
      for (class_rule.class_index = 0; class_rule.class_index < s.classes;
           ++class_rule.class_index) {
        RoiWeights<T> weights;
        class_rule(roi, k, weights);
        const int64_t first = class_rule.class_index * s.channels_per_class();
        for (int64_t c = first; c < first + s.channels_per_class(); ++c)
          for (int64_t b = 0; b < s.bins(); ++b)
            kernels<T>().gather(plane_view(s, input, static_cast<int64_t>(roi[0]), c, b),
                                weights.axis_weights.data(), &weights.bins[b], 1, 1,
                                &sums[b * s.channels + c], 1);
      }
      write_output(sums.data(), s.channels, s.bins(), s.channels, channels_last,
                   output + k * s.channels * s.bins(), s.channels, s.bins());
    }
  });
}

// grad: [K, C, bins]. Each thread processes its own classes.
template <typename T, typename Sampling>
void planar_backward(const DeformPoolShape& s, const DeformWeights<T, Sampling>& weight_rule,
                     const T* rois, int64_t count, const T* input, const T* grad, T* grad_input,
                     T* grad_offset) {
  at::parallel_for(0, s.classes, 1, [&](int64_t begin, int64_t end) {
    auto class_rule = weight_rule;
    for (class_rule.class_index = begin; class_rule.class_index < end; ++class_rule.class_index)
      for (int64_t k = 0; k < count; ++k) {
        const T* roi = rois + k * 5;
        const auto image = static_cast<int64_t>(roi[0]);
        RoiWeights<T> weights;
        DeformDerivatives<T, Sampling>{class_rule}(roi, k, weights);
        const int64_t first = class_rule.class_index * s.channels_per_class();
        for (int64_t c = first; c < first + s.channels_per_class(); ++c)
          for (int64_t b = 0; b < s.bins(); ++b) {
            const T bin_grad = grad[(k * s.channels + c) * s.bins() + b];
            kernels<T>().scatter(plane_view(s, grad_input, image, c, b),
                                 weights.axis_weights.data(), &weights.bins[b], 1, 1, &bin_grad, 1);
            T derivatives[2];
            kernels<T>().gather(plane_view(s, input, image, c, b), weights.axis_weights.data(),
                                &weights.bins[s.bins() + 2 * b], 2, 1, derivatives, 1);
            T* offset_grad = grad_offset + s.offset(k, class_rule.class_index, b);
            offset_grad[0] += bin_grad * derivatives[0] * class_rule.x(roi, k, b).pixels_per_offset;
            offset_grad[s.part()] +=
                bin_grad * derivatives[1] * class_rule.y(roi, k, b).pixels_per_offset;
          }
      }
  });
}

// Computes the gradient of the offsets of a single class from the gradients that pool_backward
// reads. Each slice of channels contributes a partial sum; the partial sums are added in order.
template <typename T, typename Sampling>
class OffsetGradient {
 public:
  // weights: computed by DeformDerivatives.
  OffsetGradient(const PoolShape& shape, const DeformWeights<T, Sampling>& weight_rule,
                 const PoolingWeights<T>& weights, const T* rois,
                 const std::vector<std::vector<int64_t>>& by_image, const T* input)
      : shape_(shape),
        weight_rule_(weight_rule),
        weights_(weights),
        rois_(rois),
        by_image_(by_image),
        input_(input),
        slice_width_(backward_vectors<T>(shape) * kernels<T>().lanes),
        slices_((shape.map.channels - 1) / slice_width_ + 1),
        partial_sums_(
            at::zeros({slices_, shape.rois, shape.bins, 2}, c10::CppTypeToScalarType<T>::value)) {}

  struct GradObserver {
    OffsetGradient& parent;
    at::Tensor buffer;
    std::vector<T> derivatives;
    NhwcView<const T> view{};
    Slice slice{};

    void begin(const Slice& next) {
      slice = next;
      view = read_nhwc(parent.input_, parent.shape_.map, slice,
                       parent.weights_.rows(parent.by_image_[slice.image]),
                       buffer.template mutable_data_ptr<T>());
    }
    void operator()(int64_t k, int64_t bin, const T* grad) {
      const auto& kernel = kernels<T>();
      kernel.gather(view, parent.weights_.axis_weights(k),
                    parent.weights_.bins(k) + parent.shape_.bins + 2 * bin, 2, slice.width,
                    derivatives.data(), slice.width);
      for (int axis = 0; axis < 2; ++axis)
        parent.partial_sum(slice.first / parent.slice_width_, k, bin)[axis] =
            kernel.dot(derivatives.data() + axis * slice.width, grad, slice.width);
    }
  };
  GradObserver observer() {
    return {*this, nhwc_buffer<T>(shape_.map), std::vector<T>(2 * 4 * kernels<T>().lanes)};
  }

  void add_to(T* grad_offset) {
    const auto& s = weight_rule_.s;
    at::parallel_for(0, shape_.rois, 32, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        for (int64_t bin = 0; bin < shape_.bins; ++bin) {
          T derivatives[2] = {};
          for (int64_t slice_index = 0; slice_index < slices_; ++slice_index)
            for (int axis = 0; axis < 2; ++axis)
              derivatives[axis] += partial_sum(slice_index, k, bin)[axis];
          T* offset_grad = grad_offset + s.offset(k, 0, bin);
          offset_grad[0] +=
              derivatives[0] * weight_rule_.x(rois_ + k * 5, k, bin).pixels_per_offset;
          offset_grad[s.part()] +=
              derivatives[1] * weight_rule_.y(rois_ + k * 5, k, bin).pixels_per_offset;
        }
    });
  }

 private:
  T* partial_sum(int64_t slice_index, int64_t k, int64_t bin) {
    return partial_sums_.template mutable_data_ptr<T>() +
           ((slice_index * shape_.rois + k) * shape_.bins + bin) * 2;
  }

  const PoolShape& shape_;
  const DeformWeights<T, Sampling>& weight_rule_;
  const PoolingWeights<T>& weights_;
  const T* rois_;
  const std::vector<std::vector<int64_t>>& by_image_;
  const T* input_;
  // Channels per slice, and the number of slices per image and group.
  int64_t slice_width_, slices_;
  at::Tensor partial_sums_;
};

template <typename Sampling>
at::Tensor deform_pooled(const char* op, const DeformPoolShape& s, const Sampling& sampling,
                         const at::Tensor& input, const at::Tensor& rois,
                         const std::optional<at::Tensor>& offset) {
  const auto type = compute_type(input.scalar_type());
  const auto format = input.suggest_memory_format();
  const bool channels_last = format == at::MemoryFormat::ChannelsLast;
  const auto in = input.to(type).contiguous(), boxes = rois.to(type).contiguous();
  const auto offsets = offset ? offset->to(type).contiguous() : at::Tensor();
  const int64_t count = rois.size(0);
  auto out =
      empty_cached({count, s.channels, s.pooled_height, s.pooled_width}, in.options(), format);
  const auto run = [&]<typename T>(T) {
    const T* roi = boxes.const_data_ptr<T>();
    check_batch_indices(op, roi, count, s.batch);
    if (in.numel() == 0) out.zero_();
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto by_image = rois_by_image(roi, count, s.batch);
    const DeformWeights<T, Sampling> weight_rule{s, sampling,
                                                 offset ? offsets.const_data_ptr<T>() : nullptr};
    if (s.classes > 1)
      return planar_forward(s, weight_rule, roi, count, in.const_data_ptr<T>(),
                            out.mutable_data_ptr<T>(), channels_last);
    const auto shape = pool_shape(s, count);
    const PoolingWeights<T> weights(weight_rule, roi, count, s.bins());
    pool_forward(shape, weights, by_image, in.const_data_ptr<T>(), false, out.mutable_data_ptr<T>(),
                 channels_last);
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return out.to(input.scalar_type());
}

// Returns the gradients of input and offset. The latter is empty if there is no offset.
template <typename Sampling>
std::tuple<at::Tensor, at::Tensor> deform_pooled_backward(
    const char* op, const DeformPoolShape& s, const Sampling& sampling, const at::Tensor& grad,
    const at::Tensor& input, const at::Tensor& rois, const std::optional<at::Tensor>& offset) {
  const auto type = compute_type(grad.scalar_type());
  const auto format = s.classes > 1 ? at::MemoryFormat::Contiguous : grad.suggest_memory_format();
  const bool channels_last = format == at::MemoryFormat::ChannelsLast;
  const auto grad_output = grad.to(type).contiguous(format), boxes = rois.to(type).contiguous();
  const auto in = input.to(type).contiguous();
  const auto offsets = offset ? offset->to(type).contiguous() : at::Tensor();
  const int64_t count = rois.size(0);
  auto grad_input = empty_cached(in.sizes(), in.options()).zero_();
  auto grad_offset = at::zeros(offset ? offset->sizes() : at::IntArrayRef{0}, in.options());
  const auto run = [&]<typename T>(T) {
    const T* roi = boxes.const_data_ptr<T>();
    check_batch_indices(op, roi, count, s.batch);
    if (grad_output.numel() == 0 || in.numel() == 0) return;
    const auto by_image = rois_by_image(roi, count, s.batch);
    const DeformWeights<T, Sampling> weight_rule{s, sampling,
                                                 offset ? offsets.const_data_ptr<T>() : nullptr};
    T* grad_offset_data = grad_offset.mutable_data_ptr<T>();
    if (s.classes > 1)
      return planar_backward(s, weight_rule, roi, count, in.const_data_ptr<T>(),
                             grad_output.const_data_ptr<T>(), grad_input.mutable_data_ptr<T>(),
                             grad_offset_data);
    const auto shape = pool_shape(s, count);
    const T* grad_data = grad_output.const_data_ptr<T>();
    T* grad_input_data = grad_input.mutable_data_ptr<T>();
    if (!offset) {
      const PoolingWeights<T> weights(weight_rule, roi, count, s.bins());
      return pool_backward(shape, weights, by_image, grad_data, grad_input_data, channels_last,
                           [] { return NoGradObserver(); });
    }
    const PoolingWeights<T> weights(DeformDerivatives<T, Sampling>{weight_rule}, roi, count,
                                    3 * s.bins());
    OffsetGradient<T, Sampling> offset_gradient(shape, weight_rule, weights, roi, by_image,
                                                in.const_data_ptr<T>());
    pool_backward(shape, weights, by_image, grad_data, grad_input_data, channels_last,
                  [&] { return offset_gradient.observer(); });
    offset_gradient.add_to(grad_offset_data);
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return {grad_input.to(input.scalar_type()).contiguous(input.suggest_memory_format()),
          grad_offset.to(input.scalar_type())};
}

}  // namespace lanner::ops
