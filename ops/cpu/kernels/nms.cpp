// Compiled once per instruction set, without fused multiply-add, so that intersections and unions
// match torchvision's bit for bit. See CMakeLists.txt.
#include "lanner/ops/cpu/kernels/nms.h"

#include "lanner/ops/cpu/kernels/vector.h"

namespace lanner::ops::LANNER_ISA {

// The division is only computed for vectors in which a multiplication shows that some box may be
// above the bound.
template <typename T>
bool suppressed(const BoxBlock<T>* blocks, const int32_t* heads, int64_t count, const T* box,
                T bound) {
  constexpr int64_t L = kLanes<T> < BoxBlock<T>::kBoxes ? kLanes<T> : BoxBlock<T>::kBoxes;
  const Vector<T> zero = {}, box_x1 = zero + box[0], box_y1 = zero + box[1], box_x2 = zero + box[2],
                  box_y2 = zero + box[3], box_area = zero + box[4], bounds = zero + bound;
  const T lower_bound = bound * T(0.999);
  for (int64_t i = 0; i < count; ++i)
    for (int32_t block = heads[i]; block >= 0; block = blocks[block].next) {
      const auto& b = blocks[block];
      for (int64_t j = 0; j < BoxBlock<T>::kBoxes; j += L) {
        const Vector<T> x1 = load(b.x1 + j), y1 = load(b.y1 + j), x2 = load(b.x2 + j),
                        y2 = load(b.y2 + j);
        const Vector<T> overlap_width = (x2 < box_x2 ? x2 : box_x2) - (x1 > box_x1 ? x1 : box_x1);
        const Vector<T> overlap_height = (y2 < box_y2 ? y2 : box_y2) - (y1 > box_y1 ? y1 : box_y1);
        const Vector<T> intersection = (overlap_width > zero ? overlap_width : zero) *
                                       (overlap_height > zero ? overlap_height : zero);
        const Vector<T> union_area = (load(b.area + j) + box_area) - intersection;
        if (any(intersection >= union_area * lower_bound) &&
            any(intersection / union_area > bounds))
          return true;
      }
    }
  return false;
}

template bool suppressed(const BoxBlock<float>*, const int32_t*, int64_t, const float*, float);
template bool suppressed(const BoxBlock<double>*, const int32_t*, int64_t, const double*, double);

}  // namespace lanner::ops::LANNER_ISA
