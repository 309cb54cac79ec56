// Compiled once for each instruction set, without fused multiply-add: overlap and union are
// torchvision's to the bit. See CMakeLists.txt.
#include "lanner/ops/cpu/kernels/suppressed.h"

#include "lanner/ops/cpu/kernels/vector.h"

namespace lanner::ops::LANNER_ISA {

// The division runs only for vectors in which a product says that some box may be above.
template <typename T>
bool suppressed(const BoxBlock<T>* blocks, const int32_t* heads, int64_t count, const T* box,
                T bound) {
  constexpr int64_t L = kLanes<T> < BoxBlock<T>::kBoxes ? kLanes<T> : BoxBlock<T>::kBoxes;
  const Vector<T> zero = {}, own_x1 = zero + box[0], own_y1 = zero + box[1], own_x2 = zero + box[2],
                  own_y2 = zero + box[3], own_area = zero + box[4], own_bound = zero + bound;
  const T margin = bound * T(0.999);
  for (int64_t i = 0; i < count; ++i)
    for (int32_t block = heads[i]; block >= 0; block = blocks[block].next) {
      const auto& b = blocks[block];
      for (int64_t j = 0; j < BoxBlock<T>::kBoxes; j += L) {
        const Vector<T> x1 = load(b.x1 + j), y1 = load(b.y1 + j), x2 = load(b.x2 + j),
                        y2 = load(b.y2 + j);
        const Vector<T> wide = (x2 < own_x2 ? x2 : own_x2) - (x1 > own_x1 ? x1 : own_x1);
        const Vector<T> high = (y2 < own_y2 ? y2 : own_y2) - (y1 > own_y1 ? y1 : own_y1);
        const Vector<T> overlap = (wide > zero ? wide : zero) * (high > zero ? high : zero);
        const Vector<T> all = (load(b.area + j) + own_area) - overlap;
        if (any(overlap >= all * margin) && any(overlap / all > own_bound)) return true;
      }
    }
  return false;
}

template bool suppressed(const BoxBlock<float>*, const int32_t*, int64_t, const float*, float);
template bool suppressed(const BoxBlock<double>*, const int32_t*, int64_t, const double*, double);

}  // namespace lanner::ops::LANNER_ISA
