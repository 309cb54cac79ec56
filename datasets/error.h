#pragma once

#include <stdexcept>
#include <string>

namespace lanner {

// The program's exit codes (sysexits.h, where it has a name for them).
enum class ExitCode { usage = 2, bad_data = 65, missing_file = 66, internal = 70, io = 74 };

// Everything that lanner refuses. The message names the file or argument and the field, and shows
// what arrived: `annotations/7.xml: object[2].bndbox.xmax: expected a number, got "abc"`.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code(code) {}
  ExitCode code;
};

inline Error usage_error(const std::string& message) { return {ExitCode::usage, message}; }
inline Error bad_data(const std::string& message) { return {ExitCode::bad_data, message}; }
inline Error missing_file(const std::string& message) { return {ExitCode::missing_file, message}; }
inline Error io_error(const std::string& message) { return {ExitCode::io, message}; }

}  // namespace lanner
