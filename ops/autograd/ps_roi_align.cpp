#include "lanner/ops/autograd/roi_function.h"

namespace lanner::ops {
namespace {

struct PsRoiAlign {
  static constexpr const char* name = "ps_roi_align";
};

TORCH_LIBRARY_IMPL(lanner, Autograd, m) {
  RoiAutograd<PsRoiAlign, double, int64_t, int64_t, int64_t>::register_in(m);
}

}  // namespace
}  // namespace lanner::ops
