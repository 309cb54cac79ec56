#pragma once

#include <cstdint>
#include <random>

namespace lanner::datasets {

// A random generator for one position in a run: random numbers of a sample depend only on (seed,
// position), not on the thread. splitmix64 mixing makes generators of neighboring positions
// unrelated.
inline std::mt19937_64 generator(uint64_t seed, uint64_t position) {
  uint64_t z = seed * 0x9E3779B97F4A7C15ull + position + 0x632BE59BD9B4E019ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return std::mt19937_64(z ^ (z >> 31));
}

}  // namespace lanner::datasets
