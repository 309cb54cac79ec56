#pragma once

#include <filesystem>

namespace lanner::tools {

// Prints a table of the runs in `folder`, the best first, and the options in which they differ.
// Throws missing_file if there are none.
int list_runs(const std::filesystem::path& folder);

}  // namespace lanner::tools
