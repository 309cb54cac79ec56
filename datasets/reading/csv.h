#pragma once

#include "lanner/datasets/reading/annotations.h"

namespace lanner::datasets {

// Whether the first line of the file names the columns of one of the forms that read_csv() reads.
bool is_annotation_csv(const std::filesystem::path& file);

// Reads a file with one box per row in one of two forms, told apart by their columns:
//   filename, class, xmin, ymin, xmax, ymax [, width, height]  TensorFlow; pixels from 0
//   ImageID, LabelName, XMin, XMax, YMin, YMax [, IsGroupOf]   Open Images; fractions of the sides,
//     with the names of classes in class-descriptions*.csv
// Images are in the folder of the file, its folder `images`, or the one that the file is named
// after (`train` for train-annotations-bbox.csv). Malformed rows and missing images are appended to
// `issues`. Throws missing_file, and bad_data if columns are missing.
Annotations read_csv(const std::filesystem::path& file, Issues& issues);

}  // namespace lanner::datasets
