#include "lanner/ops/cpu/vectors.h"

#include "lanner/ops/vectorised.h"

namespace lanner::ops {

LANNER_VECTORISED void add_scaled(float* out, const float* in, float weight, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] += weight * in[i];
}
LANNER_VECTORISED void add_scaled(double* out, const double* in, double weight, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] += weight * in[i];
}

LANNER_VECTORISED void keep_greater(float* best, int32_t* argmax, const float* in, int32_t cell,
                                    int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const bool greater = in[i] > best[i];
    best[i] = greater ? in[i] : best[i];
    argmax[i] = greater ? cell : argmax[i];
  }
}
LANNER_VECTORISED void keep_greater(double* best, int32_t* argmax, const double* in, int32_t cell,
                                    int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const bool greater = in[i] > best[i];
    best[i] = greater ? in[i] : best[i];
    argmax[i] = greater ? cell : argmax[i];
  }
}

}  // namespace lanner::ops
