#pragma once

#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

struct Split {
  std::string name;  // DATA[:SPLIT]
  Dataset dataset;
};

// Images that have the same bytes as an earlier one of `own`, or as one of another split. Files
// that cannot be read are passed over. Uses all cores.
void find_duplicates(const Split& own, const std::vector<Split>& others, Faults& faults);

// Images that are augmented copies of one photo by their names, as Roboflow writes them
// (NAME.rf.HASH.jpg): one fault for each photo that has several, and for each that is in another
// split too.
void find_copies(const Split& own, const std::vector<Split>& others, Faults& faults);

}  // namespace lanner::datasets
