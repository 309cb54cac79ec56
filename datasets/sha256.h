#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "lanner/ops/api.h"

namespace lanner::datasets {

// The SHA-256 of bytes that come in pieces, by OpenSSL.
class LANNER_API Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(const void* bytes, size_t size);
  // The text and its end: "ab", "c" is another content than "a", "bc".
  void add(std::string_view text);
  std::string hex();  // ends the content

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lanner::datasets
