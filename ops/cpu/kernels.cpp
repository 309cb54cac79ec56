#include "lanner/ops/cpu/kernels.h"

#include <ATen/Version.h>

#include <string>

namespace lanner::ops {

namespace baseline {
extern const Tables kTables;
}
#ifdef LANNER_X86
namespace avx2 {
extern const Tables kTables;
}
namespace avx512 {
extern const Tables kTables;
}
#endif

namespace {

const Tables& tables() {
  static const Tables& selected = []() -> const Tables& {
#ifdef LANNER_X86
    const auto capability = at::get_cpu_capability();
    if (capability.starts_with("AVX512")) return avx512::kTables;
    if (capability.starts_with("AVX2")) return avx2::kTables;
#endif
    return baseline::kTables;
  }();
  return selected;
}

}  // namespace

template <>
const Kernels<float>& kernels() {
  return tables().in_float;
}
template <>
const Kernels<double>& kernels() {
  return tables().in_double;
}
const NarrowKernels& narrow_kernels() { return tables().narrow; }
template <>
const WinogradKernels<float, float>& winograd_kernels() {
  return tables().winograd_float;
}
template <>
const WinogradKernels<double, double>& winograd_kernels() {
  return tables().winograd_double;
}
template <>
const WinogradKernels<uint16_t, float>& winograd_kernels() {
  return tables().winograd_bfloat16;
}

}  // namespace lanner::ops
