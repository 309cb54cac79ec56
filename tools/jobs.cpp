#include "tools/jobs.h"

#include <dlfcn.h>

#include <filesystem>

#include "lanner/datasets/error.h"

namespace lanner::tools {
namespace {

template <typename Jobs>
const Jobs& load(const char* library, const char* table) {
  namespace fs = std::filesystem;
  const auto file = fs::read_symlink("/proc/self/exe").parent_path() / "../lib" / library;
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  const void* jobs = handle ? dlsym(handle, table) : nullptr;
  if (!jobs) throw Error(ExitCode::internal, dlerror());
  return *static_cast<const Jobs*>(jobs);
}

}  // namespace

const TorchJobs& torch_jobs() {
  static const auto& jobs = load<TorchJobs>("liblanner_tools.so", "lanner_torch_jobs");
  return jobs;
}

const DataJobs& data_jobs() {
  static const auto& jobs = load<DataJobs>("liblanner_data_tools.so", "lanner_data_jobs");
  return jobs;
}

}  // namespace lanner::tools
