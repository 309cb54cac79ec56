#include "lanner/detectors/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace lanner::detectors {
namespace {

// The number that a file begins with; `otherwise` if there is no such file, or it says "max".
double first_number(const char* path, double otherwise, double* second = nullptr) {
  std::ifstream file(path);
  double value = 0;
  if (!(file >> value)) return otherwise;
  if (second) file >> *second;
  return value;
}

int usable_cores() {
  cpu_set_t set;
  const int affinity = sched_getaffinity(0, sizeof set, &set) == 0
                           ? CPU_COUNT(&set)
                           : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  double period = 100000;  // microseconds
  const double quota = first_number("/sys/fs/cgroup/cpu.max", -1, &period);
  const int limit = quota > 0 ? static_cast<int>(std::ceil(quota / period)) : affinity;
  return std::max(1, std::min(affinity, limit));
}

double usable_memory() {
  const double installed =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  return std::min(installed, first_number("/sys/fs/cgroup/memory.max", installed)) / 1e9;
}

bool has_bfloat16() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.starts_with("flags"))
      return line.find("avx512_bf16") != std::string::npos ||
             line.find("amx_bf16") != std::string::npos;
  return false;
}

}  // namespace

Machine this_machine(const std::string& device) {
  return {.cores = usable_cores(),
          .bfloat16 = has_bfloat16(),
          .memory = usable_memory(),
          .gpu = device.starts_with("cuda")};
}

}  // namespace lanner::detectors
