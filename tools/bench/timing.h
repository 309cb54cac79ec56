#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/options.h"

// Functions that all benchmarks use.
namespace lanner::tools {

// Sets the number of threads, if options.threads is not 0.
void use_threads(const BenchOptions& options);
// Prints the number of threads and the CPU capability, followed by `note`.
void print_machine(const std::string& note);

double milliseconds(const std::function<void()>& job);
double median(std::vector<double> values);

// Writes the rows, the number of threads and the CPU capability to options.json, if that is given.
// Throws io_error.
void write_rows(const BenchOptions& options, const nlohmann::json& rows);

}  // namespace lanner::tools
