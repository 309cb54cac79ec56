#pragma once

#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

struct Split {
  std::string name;  // DATA[:SPLIT]
  Dataset dataset;
};

// Reports images of `split` whose files have the same content as an earlier image of `split` or as
// an image of another split. Unreadable files are skipped. Uses all cores.
void find_identical_images(const Split& split, const std::vector<Split>& others, Issues& issues);

// The photo that an image is an augmented copy of, by its name: "A0_jpg" for
// "A0_jpg.rf.292a..13af41.jpg"; empty for names of another form.
std::string photo_of(const std::filesystem::path& image);

// Reports images whose names tell that they are augmented copies of the same photo, as Roboflow
// exports them (NAME.rf.HASH.jpg): one issue per photo with several copies in `split`, and one per
// copy in another split.
void find_augmented_copies(const Split& split, const std::vector<Split>& others, Issues& issues);

}  // namespace lanner::datasets
