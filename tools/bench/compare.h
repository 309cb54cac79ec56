#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/bench/python_baseline.h"

namespace lanner::tools {

// Prints the header of the table whose rows compare() prints. reference: the name of the library
// that lanner is compared with, such as torchvision.
void print_comparison_header(const std::string& reference, const PythonBaseline& baseline);

// Times a job and the baseline, in float32 and in bfloat16, with interleaved runs, and prints a
// row. bfloat16: run the job under bfloat16 autocast. Returns the row for write_rows.
nlohmann::json compare(const std::string& reference, const std::string& name,
                       const std::function<void()>& job, bool bfloat16, PythonBaseline& baseline,
                       int64_t runs);

}  // namespace lanner::tools
