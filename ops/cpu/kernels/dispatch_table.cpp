// Compiled once per instruction set; see CMakeLists.txt.
#include "lanner/ops/cpu/kernels/nms.h"
#include "lanner/ops/cpu/kernels/pooling.h"
#include "lanner/ops/cpu/kernels/sampling.h"
#include "lanner/ops/cpu/kernels/transpose.h"

namespace lanner::ops::LANNER_ISA {

template <typename T>
constexpr Kernels<T> kTable{
    .lanes = kLanes<T>,
    .transpose = transpose<T>,
    .transpose_index = transpose<int32_t>,
    .planes_to_nhwc = planes_to_nhwc<T>,
    .gather = gather<T>,
    .scatter = scatter<T>,
    .max_pool = max_pool<T>,
    .sample = sample<T>,
    .sample_backward = sample_backward<T>,
    .dot = dot<T>,
    .suppressed = suppressed<T>,
};

extern const Kernels<float> kFloat;
extern const Kernels<double> kDouble;
const Kernels<float> kFloat = kTable<float>;
const Kernels<double> kDouble = kTable<double>;

}  // namespace lanner::ops::LANNER_ISA
