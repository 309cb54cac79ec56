#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/bench_options.h"

// What all benchmarks do.
namespace lanner::tools {

void use_threads(const BenchOptions& options);
// A line of what times were measured with, and `note`.
void print_machine(const std::string& note);

double milliseconds(const std::function<void()>& job);
double median(std::vector<double> values);

// Writes the rows, and what they were measured with, where options.json is given. Throws io_error.
void write_rows(const BenchOptions& options, const nlohmann::json& rows);

}  // namespace lanner::tools
