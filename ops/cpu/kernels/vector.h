#pragma once

#include <cstdint>

#ifdef __AVX2__
#include <immintrin.h>
#endif

// Vectors of the width that this file is compiled for. LANNER_ISA names the instruction set and is
// a namespace, so that the linker cannot substitute a function compiled for one instruction set for
// another. For the same reason, the files in this folder include nothing that defines functions
// outside the namespace.

namespace lanner::ops::LANNER_ISA {

template <typename T>
constexpr int64_t kLanes = LANNER_VECTOR_BYTES / sizeof(T);

template <typename T>
struct VectorType {
  typedef T type __attribute__((vector_size(LANNER_VECTOR_BYTES)));
};
template <typename T>
using Vector = typename VectorType<T>::type;

template <typename T>
[[gnu::always_inline]] inline Vector<T> load(const T* address) {
  Vector<T> vector;
  __builtin_memcpy(&vector, address, sizeof vector);
  return vector;
}
template <typename T>
[[gnu::always_inline]] inline void store(T* address, const Vector<T>& vector) {
  __builtin_memcpy(address, &vector, sizeof vector);
}

// Vectors of numbers that may be stored in fewer bits than they are computed with. uint16_t stores
// a bfloat16.
template <typename T>
[[gnu::always_inline]] inline Vector<T> load_as(const T* address) {
  return load(address);
}
[[gnu::always_inline]] inline Vector<float> load_as(const uint16_t* address) {
  typedef uint16_t Half __attribute__((vector_size(LANNER_VECTOR_BYTES / 2)));
  Half half;
  __builtin_memcpy(&half, address, sizeof half);
  return reinterpret_cast<Vector<float>>(__builtin_convertvector(half, Vector<uint32_t>) << 16);
}

[[gnu::always_inline]] inline Vector<float> load_as(const uint8_t* address) {
  typedef uint8_t Bytes __attribute__((vector_size(LANNER_VECTOR_BYTES / 4)));
  Bytes bytes;
  __builtin_memcpy(&bytes, address, sizeof bytes);
  return __builtin_convertvector(__builtin_convertvector(bytes, Vector<int32_t>), Vector<float>);
}

template <typename T>
[[gnu::always_inline]] inline void store_as(T* address, const Vector<T>& vector) {
  store(address, vector);
}
[[gnu::always_inline]] inline void store_as(uint16_t* address, const Vector<float>& vector) {
  typedef uint16_t Half __attribute__((vector_size(LANNER_VECTOR_BYTES / 2)));
  const auto bits = reinterpret_cast<Vector<uint32_t>>(vector);
  const auto rounded = bits + 0x7fff + ((bits >> 16) & 1);         // to nearest, ties to even
  const auto kept = vector == vector ? rounded : bits | 0x400000;  // NaN
  const Half half = __builtin_convertvector(kept >> 16, Half);
  __builtin_memcpy(address, &half, sizeof half);
}

// Whether a vector comparison holds in any lane.
template <typename Mask>
[[gnu::always_inline]] inline bool any(const Mask& mask) {
#if defined(__AVX512F__)
  const auto bits = reinterpret_cast<__m512i>(mask);
  return _mm512_test_epi64_mask(bits, bits) != 0;
#elif defined(__AVX2__)
  const auto bits = reinterpret_cast<__m256i>(mask);
  return !_mm256_testz_si256(bits, bits);
#else
  uint64_t words[2];
  __builtin_memcpy(words, &mask, sizeof words);
  return (words[0] | words[1]) != 0;
#endif
}

// Calls block.operator()<V>(first) for as many of the `count` elements as fill whole vectors, V
// vectors at a time. Returns the number of elements processed; the caller handles the rest, which
// is less than one vector.
template <typename T, typename Block>
[[gnu::always_inline]] inline int64_t for_vectors(int64_t count, Block block) {
  int64_t first = 0;
  for (; first + 4 * kLanes<T> <= count; first += 4 * kLanes<T>)
    block.template operator()<4>(first);
  switch ((count - first) / kLanes<T>) {
    case 3:
      block.template operator()<3>(first);
      return first + 3 * kLanes<T>;
    case 2:
      block.template operator()<2>(first);
      return first + 2 * kLanes<T>;
    case 1:
      block.template operator()<1>(first);
      return first + kLanes<T>;
  }
  return first;
}

}  // namespace lanner::ops::LANNER_ISA
