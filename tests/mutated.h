#pragma once

#include <random>
#include <string>
#include <vector>

namespace lanner::tests {

// Applies one to three changes: replace, delete or repeat bytes, insert a token, or truncate.
inline std::string mutated(std::string text, std::mt19937_64& random,
                           const std::vector<std::string>& tokens) {
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  for (size_t times = 1 + below(3); times > 0 && !text.empty(); --times) {
    const size_t at = below(text.size()),
                 length = 1 + below(std::min<size_t>(20, text.size() - at));
    switch (below(5)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      case 3:
        text.replace(at, length, tokens[below(tokens.size())]);
        break;
      default:
        if (below(4) == 0) text.resize(at);
    }
  }
  return text;
}

}  // namespace lanner::tests
