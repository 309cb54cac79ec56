#pragma once

#include <cstdint>
#include <vector>

#include "lanner/ops/api.h"

namespace lanner::datasets {

// The assignment of rows to columns of the least total cost (Hungarian method), in O(n^2 m) for n
// <= m. costs: one row per row, all of one length, finite. Pairs that cost more than `limit` are
// left out. Returns the column of each row, or -1.
LANNER_API std::vector<int> assign(const std::vector<std::vector<double>>& costs, double limit);

}  // namespace lanner::datasets
