#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "lanner/ops/api.h"

namespace lanner::datasets {

// A file that is written whole or not at all: its content goes beside it, to FILE.partial, until
// commit() gives it its name. Without commit() the partial file is removed. Links are followed;
// pipes and devices are written as they are.
class LANNER_API AtomicFile {
 public:
  // Makes the folder where there is none. Throws io_error, as commit() does, with the system's
  // reason.
  explicit AtomicFile(std::filesystem::path file);
  AtomicFile(const AtomicFile&) = delete;
  ~AtomicFile();

  std::ostream& stream() { return out_; }
  const std::filesystem::path& path() const { return file_; }
  void commit();

 private:
  std::filesystem::path file_, partial_;
  std::ofstream out_;
};

// The same for content at hand. Throws io_error.
LANNER_API void write_file(const std::filesystem::path& file, const std::string& content);

}  // namespace lanner::datasets
