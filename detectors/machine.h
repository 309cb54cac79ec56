#pragma once

#include <string>

#include "lanner/ops/api.h"

namespace lanner::detectors {

// What a process can use of the machine that it runs on.
struct Machine {
  int cores = 1;
  bool bfloat16 = false;  // AVX-512 BF16 or AMX: bfloat16 is faster than float32
  double memory = 1;      // gigabytes
  bool gpu = false;
};

// Respects the process's CPU affinity and the limits of its control group (version 2), as set by
// containers and batch systems. device: "cpu", "cuda" or "cuda:N".
LANNER_API Machine this_machine(const std::string& device);

}  // namespace lanner::detectors
