#include "lanner/ops/cpu/kernels.h"

#include <ATen/Version.h>

#include <string>

namespace lanner::ops {

#define LANNER_TABLES(isa)              \
  namespace isa {                       \
  extern const Kernels<float> kFloat;   \
  extern const Kernels<double> kDouble; \
  }
LANNER_TABLES(baseline)
#ifdef LANNER_X86
LANNER_TABLES(avx2)
LANNER_TABLES(avx512)
#endif
#undef LANNER_TABLES

namespace {

template <typename T>
const Kernels<T>& select_table([[maybe_unused]] const Kernels<T>& avx512,
                               [[maybe_unused]] const Kernels<T>& avx2,
                               const Kernels<T>& baseline) {
#ifdef LANNER_X86
  const auto capability = at::get_cpu_capability();
  if (capability.starts_with("AVX512")) return avx512;
  if (capability.starts_with("AVX2")) return avx2;
#endif
  return baseline;
}

#ifndef LANNER_X86
namespace avx2 = baseline;
namespace avx512 = baseline;
#endif

}  // namespace

template <>
const Kernels<float>& kernels() {
  static const auto& table = select_table(avx512::kFloat, avx2::kFloat, baseline::kFloat);
  return table;
}
template <>
const Kernels<double>& kernels() {
  static const auto& table = select_table(avx512::kDouble, avx2::kDouble, baseline::kDouble);
  return table;
}

}  // namespace lanner::ops
