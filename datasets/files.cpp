#include "lanner/datasets/files.h"

#include <cerrno>
#include <cstring>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

Error cannot_write(const fs::path& file, const std::string& reason) {
  return io_error(file.string() + ": cannot be written: " + reason);
}

}  // namespace

AtomicFile::AtomicFile(fs::path file)
    : file_(std::move(file)), partial_(file_.string() + ".partial") {
  std::error_code error;
  if (file_.has_parent_path()) fs::create_directories(file_.parent_path(), error);
  if (error) throw cannot_write(file_, error.message());
  out_.open(partial_, std::ios::binary);
  if (!out_) throw cannot_write(file_, std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!partial_.empty()) fs::remove(partial_, ignored);
}

void AtomicFile::commit() {
  errno = 0;
  out_.close();
  if (!out_) throw cannot_write(file_, errno ? std::strerror(errno) : "the disk may be full");
  std::error_code error;
  fs::rename(partial_, file_, error);
  if (error) throw cannot_write(file_, error.message());
  partial_.clear();
}

void write_file(const fs::path& file, const std::string& content) {
  AtomicFile out(file);
  out.stream() << content;
  out.commit();
}

}  // namespace lanner::datasets
