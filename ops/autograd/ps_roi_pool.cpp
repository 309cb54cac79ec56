#include "lanner/ops/autograd/roi_function.h"

namespace lanner::ops {
namespace {

struct PsRoiPool {
  static constexpr const char* name = "ps_roi_pool";
};

TORCH_LIBRARY_IMPL(lanner, Autograd, m) {
  RoiAutograd<PsRoiPool, double, int64_t, int64_t, bool>::register_in(m);
}

}  // namespace
}  // namespace lanner::ops
