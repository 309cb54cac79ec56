#pragma once

#include <ATen/ops/zeros.h>

#include "lanner/ops/cpu/pooling.h"
#include "lanner/ops/deform_roi_bins.h"

namespace lanner::ops {

// The CPU side of the deformable RoI operators, for either rule of deform_roi_bins.h.

// The taps of RoI k and one class; offset: null, or [K, 2 * classes, part, part].
template <typename T, typename Rule>
struct DeformTaps {
  const DeformPoolShape& s;
  const Rule& rule;
  const T* offset;
  int64_t of_class = 0;

  SampleLine<T> x(const T* roi, int64_t k, int64_t bin) const {
    const T moved = offset ? offset[s.offset(k, of_class, bin)] : T(0);
    return rule.line(roi[1], roi[3], s.pooled_width, bin % s.pooled_width, moved);
  }
  SampleLine<T> y(const T* roi, int64_t k, int64_t bin) const {
    const T moved = offset ? offset[s.offset(k, of_class, bin) + s.part()] : T(0);
    return rule.line(roi[2], roi[4], s.pooled_height, bin / s.pooled_width, moved);
  }

  static TapRange values(RoiTaps<T>& out, const SampleLine<T>& line, int64_t size) {
    return out.add_values(
        line.range(size), size, [&](int64_t i) { return line.position(i); },
        Rule::template sample<T>, [&](int64_t kept) { return line_share<Rule>(line, kept); });
  }
  static TapRange slopes(RoiTaps<T>& out, const SampleLine<T>& line, int64_t size) {
    return out.add_slopes(
        line.range(size), size, [&](int64_t i) { return line.position(i); },
        Rule::template sample<T>, [&](int64_t kept) { return line_share<Rule>(line, kept); });
  }

  void operator()(const T* roi, int64_t k, RoiTaps<T>& out) const {
    if (!offset)  // bins stay in their rows and columns
      return add_product(
          out, s.pooled_height, s.pooled_width,
          [&](int64_t j) { return values(out, x(roi, k, j), s.width); },
          [&](int64_t i) { return values(out, y(roi, k, i * s.pooled_width), s.height); });
    for (int64_t bin = 0; bin < s.bins(); ++bin) {
      const auto across = values(out, x(roi, k, bin), s.width);
      out.add_bin(across, values(out, y(roi, k, bin), s.height));
    }
  }
};

// The bins, and then for each two more: its derivative as it moves along x, and along y.
template <typename T, typename Rule>
struct DeformSlopes {
  DeformTaps<T, Rule> taps;

  void operator()(const T* roi, int64_t k, RoiTaps<T>& out) const {
    const auto& s = taps.s;
    const size_t first = out.bins.size();
    for (int64_t bin = 0; bin < s.bins(); ++bin)
      out.add_bin(taps.values(out, taps.x(roi, k, bin), s.width),
                  taps.values(out, taps.y(roi, k, bin), s.height));
    for (int64_t bin = 0; bin < s.bins(); ++bin) {
      const BinTaps own = out.bins[first + bin];
      out.add_bin(taps.slopes(out, taps.x(roi, k, bin), s.width), {own.y_begin, own.y_end});
      out.add_bin({own.x_begin, own.x_end}, taps.slopes(out, taps.y(roi, k, bin), s.height));
    }
  }
};

inline PoolShape pool_shape(const DeformPoolShape& s, int64_t rois) {
  return {{s.batch, s.channels, s.height, s.width, s.groups()}, rois, s.bins(), [&](int64_t bin) {
            return s.group(bin);
          }};
}

// Where offsets differ by class and a class has few channels there are no vectors of channels:
// planes are read as they are, a channel at a time.
template <typename T>
Cells<T> plane_cells(const DeformPoolShape& s, T* planes, int64_t image, int64_t c, int64_t bin) {
  const MapShape map{s.batch, s.channels, s.height, s.width, s.groups()};
  return {planes + map.plane(image, c, s.group(bin)), s.width, 1};
}

template <typename T, typename Rule>
void planar_forward(const DeformPoolShape& s, const DeformTaps<T, Rule>& any_class, const T* rois,
                    int64_t count, const T* input, T* output, bool channels_last) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    auto rule = any_class;
    std::vector<T> sums(s.bins() * s.channels);
    for (int64_t k = begin; k < end; ++k) {
      const T* roi = rois + k * 5;
      for (rule.of_class = 0; rule.of_class < s.classes; ++rule.of_class) {
        RoiTaps<T> taps;
        rule(roi, k, taps);
        const int64_t first = rule.of_class * s.channels_per_class();
        for (int64_t c = first; c < first + s.channels_per_class(); ++c)
          for (int64_t b = 0; b < s.bins(); ++b)
            kernels<T>().gather(plane_cells(s, input, static_cast<int64_t>(roi[0]), c, b),
                                taps.taps.data(), &taps.bins[b], 1, 1, &sums[b * s.channels + c],
                                1);
      }
      write_bins(sums.data(), s.channels, s.bins(), s.channels, channels_last,
                 output + k * s.channels * s.bins(), s.channels, s.bins());
    }
  });
}

// grad: [K, C, bins]. Each thread owns classes.
template <typename T, typename Rule>
void planar_backward(const DeformPoolShape& s, const DeformTaps<T, Rule>& any_class, const T* rois,
                     int64_t count, const T* input, const T* grad, T* grad_input, T* grad_offset) {
  at::parallel_for(0, s.classes, 1, [&](int64_t begin, int64_t end) {
    auto rule = any_class;
    for (rule.of_class = begin; rule.of_class < end; ++rule.of_class)
      for (int64_t k = 0; k < count; ++k) {
        const T* roi = rois + k * 5;
        const auto image = static_cast<int64_t>(roi[0]);
        RoiTaps<T> taps;
        DeformSlopes<T, Rule>{rule}(roi, k, taps);
        const int64_t first = rule.of_class * s.channels_per_class();
        for (int64_t c = first; c < first + s.channels_per_class(); ++c)
          for (int64_t b = 0; b < s.bins(); ++b) {
            const T own = grad[(k * s.channels + c) * s.bins() + b];
            kernels<T>().scatter(plane_cells(s, grad_input, image, c, b), taps.taps.data(),
                                 &taps.bins[b], 1, 1, &own, 1);
            T along[2];
            kernels<T>().gather(plane_cells(s, input, image, c, b), taps.taps.data(),
                                &taps.bins[s.bins() + 2 * b], 2, 1, along, 1);
            T* place = grad_offset + s.offset(k, rule.of_class, b);
            place[0] += own * along[0] * rule.x(roi, k, b).per_offset;
            place[s.part()] += own * along[1] * rule.y(roi, k, b).per_offset;
          }
      }
  });
}

// The gradient of offsets of one class, from what pool_backward reads. Each slice of the channels
// has a share of it, and they are added in order.
template <typename T, typename Rule>
class OffsetGradient {
 public:
  // table: of DeformSlopes.
  OffsetGradient(const PoolShape& shape, const DeformTaps<T, Rule>& taps, const TapTable<T>& table,
                 const T* rois, const std::vector<std::vector<int64_t>>& by_image, const T* input)
      : shape_(shape),
        taps_(taps),
        table_(table),
        rois_(rois),
        by_image_(by_image),
        input_(input),
        width_(backward_vectors<T>(shape) * kernels<T>().lanes),
        parts_((shape.map.channels - 1) / width_ + 1),
        shares_(
            at::zeros({parts_, shape.rois, shape.bins, 2}, c10::CppTypeToScalarType<T>::value)) {}

  struct Witness {
    OffsetGradient& all;
    at::Tensor room;
    std::vector<T> along;
    Cells<const T> cells{};
    Slice slice{};

    void begin(const Slice& next) {
      slice = next;
      cells =
          read_cells(all.input_, all.shape_.map, slice, all.table_.rows(all.by_image_[slice.image]),
                     room.template mutable_data_ptr<T>());
    }
    void operator()(int64_t k, int64_t bin, const T* grad) {
      const auto& kernel = kernels<T>();
      kernel.gather(cells, all.table_.taps(k), all.table_.bins(k) + all.shape_.bins + 2 * bin, 2,
                    slice.width, along.data(), slice.width);
      for (int axis = 0; axis < 2; ++axis)
        all.share(slice.first / all.width_, k, bin)[axis] =
            kernel.dot(along.data() + axis * slice.width, grad, slice.width);
    }
  };
  Witness witness() {
    return {*this, cell_room<T>(shape_.map), std::vector<T>(2 * 4 * kernels<T>().lanes)};
  }

  void add_to(T* grad_offset) {
    const auto& s = taps_.s;
    at::parallel_for(0, shape_.rois, 32, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        for (int64_t bin = 0; bin < shape_.bins; ++bin) {
          T along[2] = {};
          for (int64_t part = 0; part < parts_; ++part)
            for (int axis = 0; axis < 2; ++axis) along[axis] += share(part, k, bin)[axis];
          T* place = grad_offset + s.offset(k, 0, bin);
          place[0] += along[0] * taps_.x(rois_ + k * 5, k, bin).per_offset;
          place[s.part()] += along[1] * taps_.y(rois_ + k * 5, k, bin).per_offset;
        }
    });
  }

 private:
  T* share(int64_t part, int64_t k, int64_t bin) {
    return shares_.template mutable_data_ptr<T>() +
           ((part * shape_.rois + k) * shape_.bins + bin) * 2;
  }

  const PoolShape& shape_;
  const DeformTaps<T, Rule>& taps_;
  const TapTable<T>& table_;
  const T* rois_;
  const std::vector<std::vector<int64_t>>& by_image_;
  const T* input_;
  int64_t width_, parts_;  // of the slices of the channels
  at::Tensor shares_;
};

template <typename Rule>
at::Tensor deform_pooled(const char* op, const DeformPoolShape& s, const Rule& rule,
                         const at::Tensor& input, const at::Tensor& rois,
                         const std::optional<at::Tensor>& offset) {
  const auto type = compute_type(input.scalar_type());
  const auto format = input.suggest_memory_format();
  const bool channels_last = format == at::MemoryFormat::ChannelsLast;
  const auto in = input.to(type).contiguous(), boxes = rois.to(type).contiguous();
  const auto moves = offset ? offset->to(type).contiguous() : at::Tensor();
  const int64_t count = rois.size(0);
  auto out = fresh({count, s.channels, s.pooled_height, s.pooled_width}, in.options(), format);
  const auto run = [&]<typename T>(T) {
    const T* roi = boxes.const_data_ptr<T>();
    check_batch_indices(op, roi, count, s.batch);
    if (in.numel() == 0) out.zero_();
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto by_image = rois_by_image(roi, count, s.batch);
    const DeformTaps<T, Rule> taps{s, rule, offset ? moves.const_data_ptr<T>() : nullptr};
    if (s.classes > 1)
      return planar_forward(s, taps, roi, count, in.const_data_ptr<T>(), out.mutable_data_ptr<T>(),
                            channels_last);
    const auto shape = pool_shape(s, count);
    const TapTable<T> table(taps, roi, count, s.bins());
    pool_forward(shape, table, by_image, in.const_data_ptr<T>(), out.mutable_data_ptr<T>(),
                 channels_last);
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return out.to(input.scalar_type());
}

// The gradients of input and offset; the latter is empty where there is no offset.
template <typename Rule>
std::tuple<at::Tensor, at::Tensor> deform_pooled_backward(const char* op, const DeformPoolShape& s,
                                                          const Rule& rule, const at::Tensor& grad,
                                                          const at::Tensor& input,
                                                          const at::Tensor& rois,
                                                          const std::optional<at::Tensor>& offset) {
  const auto type = compute_type(grad.scalar_type());
  const auto format = s.classes > 1 ? at::MemoryFormat::Contiguous : grad.suggest_memory_format();
  const bool channels_last = format == at::MemoryFormat::ChannelsLast;
  const auto out = grad.to(type).contiguous(format), boxes = rois.to(type).contiguous();
  const auto in = input.to(type).contiguous();
  const auto moves = offset ? offset->to(type).contiguous() : at::Tensor();
  const int64_t count = rois.size(0);
  auto grad_input = fresh(in.sizes(), in.options()).zero_();
  auto grad_offset = at::zeros(offset ? offset->sizes() : at::IntArrayRef{0}, in.options());
  const auto run = [&]<typename T>(T) {
    const T* roi = boxes.const_data_ptr<T>();
    check_batch_indices(op, roi, count, s.batch);
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto by_image = rois_by_image(roi, count, s.batch);
    const DeformTaps<T, Rule> taps{s, rule, offset ? moves.const_data_ptr<T>() : nullptr};
    T* move = grad_offset.mutable_data_ptr<T>();
    if (s.classes > 1)
      return planar_backward(s, taps, roi, count, in.const_data_ptr<T>(), out.const_data_ptr<T>(),
                             grad_input.mutable_data_ptr<T>(), move);
    const auto shape = pool_shape(s, count);
    const T* grads = out.const_data_ptr<T>();
    T* of_input = grad_input.mutable_data_ptr<T>();
    if (!offset) {
      const TapTable<T> table(taps, roi, count, s.bins());
      return pool_backward(shape, table, by_image, grads, of_input, channels_last,
                           [] { return SeesNothing(); });
    }
    const TapTable<T> table(DeformSlopes<T, Rule>{taps}, roi, count, 3 * s.bins());
    OffsetGradient<T, Rule> of_offset(shape, taps, table, roi, by_image, in.const_data_ptr<T>());
    pool_backward(shape, table, by_image, grads, of_input, channels_last,
                  [&] { return of_offset.witness(); });
    of_offset.add_to(move);
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return {grad_input.to(input.scalar_type()).contiguous(input.suggest_memory_format()),
          grad_offset.to(input.scalar_type())};
}

}  // namespace lanner::ops
