#include "tools/jobs/doctor.h"

#include <torch/version.h>
#include <iostream>
#include <opencv2/core/version.hpp>
#include <set>

#include "lanner/ops/torch.h"

#include "lanner/datasets/error.h"
#include "lanner/ops/cuda.h"

namespace lanner::tools {

int diagnose() {
  std::cout << "LibTorch        " << TORCH_VERSION << ", " << at::get_num_threads() << " threads, "
            << at::get_cpu_capability() << "\n";
  std::cout << "OpenCV          " << CV_VERSION << "\n";
  const bool cuda = ops::has_cuda();
  std::cout << "CUDA operators  " << (cuda ? "built" : "not built") << "\n";
  if (cuda) {
    ops::load_cuda();
    std::cout << "CUDA devices    " << static_cast<int>(torch::cuda::device_count()) << "\n";
  }
  // Operators composed of torch's own have no kernels of their own.
  std::set<std::string> names;
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames())
    if (name.name.starts_with("lanner::")) names.insert(name.name);
  for (const auto& name : names) {
    std::cout << name << "  ";
    const auto op = c10::Dispatcher::singleton().findOp({name, ""});
    for (const auto& [label, key] :
         {std::pair{"CPU", c10::DispatchKey::CPU}, std::pair{"CUDA", c10::DispatchKey::CUDA},
          std::pair{"Autograd", c10::DispatchKey::Autograd},
          std::pair{"Meta", c10::DispatchKey::Meta},
          std::pair{"composition", c10::DispatchKey::CompositeImplicitAutograd}})
      if (op && op->hasKernelForDispatchKey(key)) std::cout << label << " ";
    std::cout << "\n";
  }
  return names.empty() ? static_cast<int>(ExitCode::internal) : 0;
}

}  // namespace lanner::tools
