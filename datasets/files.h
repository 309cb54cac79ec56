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
  // Writes, and throws with the system's reason at once; errors of stream() show in commit().
  void write(const void* bytes, size_t size);
  const std::filesystem::path& path() const { return file_; }
  // Gives the file its name. With `durable`, it and its name are on the disk before this returns,
  // so that a machine that loses its power has the old file or the new one.
  void commit(bool durable = false);

 private:
  std::filesystem::path file_, partial_;
  std::ofstream out_;
};

// The same for content at hand. Throws io_error.
LANNER_API void write_file(const std::filesystem::path& file, const std::string& content);

}  // namespace lanner::datasets
