#pragma once

#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// Several data sets as one. Categories of one name are one, with the id that the first data set
// gives it, or the next free one. Images keep their ids where no two share one; else all are
// numbered from 1.
Dataset joined(std::vector<Dataset> parts);

}  // namespace lanner::datasets
