#include "lanner/ops/signal_stack.h"

#include <csignal>
#include <cstddef>

namespace lanner::ops {

void use_signal_stack() {
  stack_t current{};
  if (sigaltstack(nullptr, &current) != 0 || !(current.ss_flags & SS_DISABLE)) return;
  // Wide enough for the registers of AVX-512 and AMX, which the kernel saves there, and a handler.
  // Never freed, because signals come until the end.
  constexpr std::size_t kSize = std::size_t{1} << 17;
  const stack_t stack{.ss_sp = new std::byte[kSize], .ss_flags = 0, .ss_size = kSize};
  sigaltstack(&stack, nullptr);
}

}  // namespace lanner::ops
