#pragma once

#include <cstdint>

namespace lanner::ops {

// out[i] += weight * in[i], compiled for the widest vectors that the machine has.
void add_scaled(float* out, const float* in, float weight, int64_t count);
void add_scaled(double* out, const double* in, double weight, int64_t count);

// Where in[i] is above best[i], it takes its place, and argmax[i] becomes `cell`.
void keep_greater(float* best, int32_t* argmax, const float* in, int32_t cell, int64_t count);
void keep_greater(double* best, int32_t* argmax, const double* in, int32_t cell, int64_t count);

}  // namespace lanner::ops
