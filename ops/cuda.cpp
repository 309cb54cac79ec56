#include "lanner/ops/cuda.h"

#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <filesystem>

namespace lanner::ops {
namespace {

std::filesystem::path cuda_library_path() {
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&load_cuda), &info);
  return std::filesystem::path(info.dli_fname).parent_path() / "liblanner_ops_cuda.so";
}

}  // namespace

bool has_cuda() { return std::filesystem::exists(cuda_library_path()); }

void load_cuda() {
  static const bool loaded = [] {
    const auto path = cuda_library_path();
    TORCH_CHECK(dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL), "device: cuda: ", dlerror(),
                " (built without CUDA? see LANNER_CUDA in CONTRIBUTING.md)");
    return true;
  }();
  (void)loaded;
}

}  // namespace lanner::ops
