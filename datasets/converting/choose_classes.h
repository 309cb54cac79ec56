#pragma once

#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// Renames classes (`merge`: OLD=NEW; those of one name become one), then keeps `classes`, lists of
// names separated by commas, in this order; none: all. Adds a note with the number of objects that
// are left out. Throws usage_error for a class that does not exist or is given twice.
void choose_classes(Dataset& dataset, const std::vector<std::string>& merge,
                    const std::vector<std::string>& classes, std::vector<std::string>& notes);

}  // namespace lanner::datasets
