#include "lanner/detectors/weights/skip_init.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <mutex>

namespace lanner::detectors {
namespace {

// torch's key for modes that intercept operators; no kernel of its own uses it.
constexpr auto kKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

at::Tensor& leave(at::Tensor& tensor, double, double, std::optional<at::Generator>) {
  return tensor;
}

// Once per process, in which there may be several copies of this library.
void intercept() {
  if (c10::Dispatcher::singleton().hasBackendFallbackForDispatchKey(kKey)) return;
  // Never destroyed: torch may be unloaded first.
  auto* others = new torch::Library(torch::Library::IMPL, "_", kKey, __FILE__, __LINE__);
  others->fallback(torch::CppFunction::makeFallthrough());
  auto* fills = new torch::Library(torch::Library::IMPL, "aten", kKey, __FILE__, __LINE__);
  fills->impl("uniform_", leave);
  fills->impl("normal_", leave);
}

c10::DispatchKey intercepting_key() {
  static std::once_flag once;
  std::call_once(once, intercept);
  return kKey;
}

}  // namespace

SkipInit::SkipInit() : guard_(intercepting_key()) {}

}  // namespace lanner::detectors
