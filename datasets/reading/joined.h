#pragma once

#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// Joins several data sets. Categories with the same name are merged. A category keeps its id from
// the first data set that has it, or gets the next free one if that id is taken. Images keep their
// ids if all are different; otherwise all images are numbered from 1.
Dataset joined(std::vector<Dataset> parts);

}  // namespace lanner::datasets
