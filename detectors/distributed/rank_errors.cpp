#include "lanner/detectors/distributed/rank_errors.h"

#include <iostream>
#include <mutex>
#include <streambuf>
#include <string>

namespace lanner::detectors {
namespace {

class ErrorFilter : public std::streambuf {
 public:
  ErrorFilter(std::streambuf* out, int rank)
      : out_(out), prefix_("rank " + std::to_string(rank) + ": ") {}

 private:
  int overflow(int character) override {
    if (character == traits_type::eof()) return traits_type::not_eof(character);
    const std::lock_guard lock(mutex_);  // torch's threads write warnings
    line_ += static_cast<char>(character);
    if (character != '\n') return character;
    // An error message may have several lines.
    if (line_.starts_with("error: ") || line_.starts_with("internal error: ")) is_error_ = true;
    if (is_error_) {
      const auto text = prefix_ + line_;
      out_->sputn(text.data(), static_cast<std::streamsize>(text.size()));
      out_->pubsync();
    }
    line_.clear();
    return character;
  }

  std::mutex mutex_;
  std::streambuf* out_;
  const std::string prefix_;
  std::string line_;
  bool is_error_ = false;
};

}  // namespace

void show_errors_alone(int rank) {
  // Never destroyed, because std::cerr is flushed at the very end of the program.
  static auto* filter = new ErrorFilter(std::cerr.rdbuf(), rank);
  std::cerr.rdbuf(filter);
}

}  // namespace lanner::detectors
