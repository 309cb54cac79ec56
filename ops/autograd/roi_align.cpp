#include "lanner/ops/autograd/roi_function.h"

namespace lanner::ops {
namespace {

struct RoiAlign {
  static constexpr const char* name = "roi_align";
};

TORCH_LIBRARY_IMPL(lanner, Autograd, m) {
  RoiAutograd<RoiAlign, double, int64_t, int64_t, int64_t, bool>::register_in(m);
}

}  // namespace
}  // namespace lanner::ops
