#pragma once

#include <stdexcept>
#include <string>

#include "lanner/ops/api.h"

namespace lanner {

// Exit codes of the program, those of sysexits.h where it defines one.
enum class ExitCode { usage = 2, bad_data = 65, missing_file = 66, internal = 70, io = 74 };

// The base of all errors that lanner throws. The message names the file or argument and the field,
// and shows the value: `annotations/7.xml: object[2].bndbox.xmax: expected a number, got "abc"`.
class LANNER_API Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code(code) {}
  ExitCode code;
};

inline Error usage_error(const std::string& message) { return {ExitCode::usage, message}; }
inline Error bad_data(const std::string& message) { return {ExitCode::bad_data, message}; }
inline Error missing_file(const std::string& message) { return {ExitCode::missing_file, message}; }
inline Error io_error(const std::string& message) { return {ExitCode::io, message}; }

}  // namespace lanner
