// Compiled once per instruction set; see CMakeLists.txt.
#include "lanner/ops/cpu/kernels/dynamic_conv.h"
#include "lanner/ops/cpu/kernels/nms.h"
#include "lanner/ops/cpu/kernels/pooling.h"
#include "lanner/ops/cpu/kernels/sampling.h"
#include "lanner/ops/cpu/kernels/transpose.h"
#include "lanner/ops/cpu/kernels/winograd.h"

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
    .dynamic_conv = dynamic_conv<T>,
    .suppressed = suppressed<T>,
};

template <typename S, typename T>
constexpr WinogradKernels<S, T> kWinogradTable{
    .panel = kPanelVectors * kLanes<T>,
    .input = winograd_input<S, T>,
    .multiply = winograd_multiply<T>,
    .output = winograd_output<S, T>,
    .grad = winograd_grad<S, T>,
    .filter = winograd_filter<T>,
    .filter_grad = winograd_filter_grad<T>,
};

extern const Tables kTables;
const Tables kTables{kTable<float>,
                     kTable<double>,
                     {gather_narrow<uint8_t>, gather_narrow<uint16_t>, to_bfloat16, to_bytes},
                     kWinogradTable<float, float>,
                     kWinogradTable<double, double>,
                     kWinogradTable<uint16_t, float>};

}  // namespace lanner::ops::LANNER_ISA
