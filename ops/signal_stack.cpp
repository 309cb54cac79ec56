#include "lanner/ops/signal_stack.h"

#include <csignal>
#include <cstddef>

namespace lanner::ops {

void use_signal_stack() {
  // Wide enough for the registers of AVX-512 and AMX, which the kernel saves there, and a handler.
  alignas(64) static std::byte memory[std::size_t{1} << 17];
  stack_t current{};
  if (sigaltstack(nullptr, &current) != 0 || !(current.ss_flags & SS_DISABLE)) return;
  const stack_t stack{.ss_sp = memory, .ss_flags = 0, .ss_size = sizeof(memory)};
  sigaltstack(&stack, nullptr);
}

}  // namespace lanner::ops
