#pragma once

namespace lanner::detectors {

// From now on, of what is written to std::cerr only errors are shown, as "rank 1: error: ...".
void show_errors_alone(int rank);

}  // namespace lanner::detectors
