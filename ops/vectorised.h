#pragma once

// Compiles a function for AVX-512, AVX2 and the baseline, chosen when the program is loaded.
// Sanitizers run before such a choice can be made.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__CUDACC__)
#define LANNER_VECTORISED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LANNER_VECTORISED
#endif
