#include "lanner/datasets/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

Error cannot_write(const fs::path& file, const std::string& reason) {
  return io_error(file.string() + ": cannot be written: " + reason);
}

// Waits until `path`, the file or its folder, is on the disk.
void sync(const fs::path& path, const fs::path& file) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw cannot_write(file, std::strerror(errno));
  int result = 0;
  do result = fsync(descriptor);
  while (result < 0 && errno == EINTR);
  const int reason = errno;
  close(descriptor);
  if (result < 0) throw cannot_write(file, std::strerror(reason));
}

}  // namespace

AtomicFile::AtomicFile(fs::path file) : file_(std::move(file)) {
  std::error_code error;
  if (file_.has_parent_path()) fs::create_directories(file_.parent_path(), error);
  if (error) throw cannot_write(file_, error.message());
  // What a link points to is written, and a pipe or device, such as /dev/stdout, as it is.
  for (int links = 0; links < 40 && fs::is_symlink(file_); ++links)
    file_ = file_.parent_path() / fs::read_symlink(file_);
  const auto status = fs::status(file_, error);
  if (!fs::exists(status) || fs::is_regular_file(status)) partial_ = file_.string() + ".partial";
  out_.open(partial_.empty() ? file_ : partial_, std::ios::binary);
  if (!out_) throw cannot_write(file_, std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!partial_.empty()) fs::remove(partial_, ignored);
}

void AtomicFile::write(const void* bytes, size_t size) {
  errno = 0;
  out_.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  if (!out_) throw cannot_write(file_, errno ? std::strerror(errno) : "the disk may be full");
}

void AtomicFile::commit(bool durable) {
  errno = 0;
  out_.close();
  if (!out_) throw cannot_write(file_, errno ? std::strerror(errno) : "the disk may be full");
  if (partial_.empty()) return;
  if (durable) sync(partial_, file_);
  std::error_code error;
  fs::rename(partial_, file_, error);
  if (error) throw cannot_write(file_, error.message());
  partial_.clear();
  if (durable) sync(file_.has_parent_path() ? file_.parent_path() : ".", file_);
}

void write_file(const fs::path& file, const std::string& content) {
  AtomicFile out(file);
  out.stream() << content;
  out.commit();
}

}  // namespace lanner::datasets
