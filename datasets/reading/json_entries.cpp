#include "lanner/datasets/reading/json_entries.h"

#include <array>
#include <cstring>
#include <fstream>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace {

constexpr size_t kWindow = 1 << 22, kPadding = 64;

// A syntax error; caught by for_each_entry.
struct Malformed {
  std::string message;
};

constexpr auto kStructural = [] {
  std::array<bool, 256> table{};
  for (const unsigned char c : {'"', '{', '}', '[', ']'}) table[c] = true;
  return table;
}();

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// A window of the document that begins at the current position.
class Window {
 public:
  explicit Window(const std::filesystem::path& file) : file_(file.string()) {
    if (!std::filesystem::exists(file)) throw missing_file(file_ + ": no such file");
    in_.open(file, std::ios::binary);
    if (!in_ || std::filesystem::is_directory(file)) throw io_error(file_ + ": cannot be read");
  }

  // The next byte that is not white space. It is not consumed.
  char peek() {
    while (true) {
      while (at_ < end_ && is_space(bytes_[at_])) ++at_;
      if (at_ < end_) return bytes_[at_];
      if (!fill()) throw Malformed{"unexpected end" + here()};
    }
  }
  bool take(char expected) {
    if (peek() != expected) return false;
    ++at_;
    return true;
  }
  void expect(char expected, const std::string& where) {
    if (!take(expected))
      throw Malformed{std::string("expected ") + expected + " " + where + ", got " + bytes_[at_] +
                      here()};
  }
  bool at_end() {
    while (true) {
      while (at_ < end_ && is_space(bytes_[at_])) ++at_;
      if (at_ < end_) return false;
      if (!fill()) return true;
    }
  }

  // Consumes a value. The result is valid until the next call.
  std::string_view value() {
    const char first = peek();
    size_t length = first == '"'                   ? string_length(0)
                    : first == '{' || first == '[' ? nested_length()
                                                   : scalar_length();
    if (length == 0) throw Malformed{std::string("expected a value, got ") + bytes_[at_] + here()};
    at_ += length;
    return {bytes_.data() + at_ - length, length};
  }

  std::string here() const { return " at byte " + std::to_string(passed_ + at_); }

 private:
  // Whether there is a byte `offset` bytes after the current position; reads more if necessary.
  bool reach(size_t offset) {
    while (at_ + offset >= end_)
      if (!fill()) return false;
    return true;
  }

  size_t string_length(size_t offset) {
    for (size_t i = offset + 1; reach(i); ++i) {
      const char* begin = bytes_.data() + at_ + i;
      const auto* quote = static_cast<const char*>(std::memchr(begin, '"', end_ - at_ - i));
      const char* stop = quote ? quote : bytes_.data() + end_;
      if (const void* escape = std::memchr(begin, '\\', stop - begin)) {
        // Skips the escaped character, which does not end the string.
        i += static_cast<const char*>(escape) - begin + 1;
      } else if (quote) {
        return i + (quote - begin) + 1;
      } else {
        i = end_ - at_ - 1;
      }
    }
    at_ = end_;
    throw Malformed{"unexpected end within a string" + here()};
  }

  size_t nested_length() {
    int depth = 0;
    for (size_t i = 0; reach(i);) {
      size_t position = at_ + i;
      while (position < end_ && !kStructural[static_cast<unsigned char>(bytes_[position])])
        ++position;
      i = position - at_;
      if (position == end_) continue;
      if (bytes_[position] == '"') {
        i = string_length(i);
        continue;
      }
      depth += bytes_[position] == '{' || bytes_[position] == '[' ? 1 : -1;
      ++i;
      if (depth == 0) return i;
    }
    at_ = end_;
    throw Malformed{"unexpected end" + here()};
  }

  size_t scalar_length() {
    size_t length = 0;
    while (reach(length) && !is_space(bytes_[at_ + length]) &&
           !std::memchr(",]}:", bytes_[at_ + length], 4))
      ++length;
    return length;
  }

  // Reads more bytes and drops the consumed ones. Returns false at the end of the file.
  bool fill() {
    std::memmove(bytes_.data(), bytes_.data() + at_, end_ - at_);
    passed_ += at_, end_ -= at_, at_ = 0;
    if (bytes_.size() < end_ + kWindow / 2 + kPadding)
      bytes_.resize(std::max(kWindow + kPadding, 2 * bytes_.size()));
    in_.read(bytes_.data() + end_, static_cast<std::streamsize>(bytes_.size() - kPadding - end_));
    if (in_.bad()) throw io_error(file_ + ": cannot be read");
    end_ += in_.gcount();
    return in_.gcount() > 0;
  }

  std::string file_;
  std::ifstream in_;
  std::vector<char> bytes_ = std::vector<char>(kWindow + kPadding);
  size_t at_ = 0, end_ = 0;  // positions in bytes_
  size_t passed_ = 0;        // number of bytes in the file before bytes_
};

void read_list(Window& window, const std::string& name,
               const std::function<void(const JsonEntry&)>& take) {
  const std::string where = name.empty() ? "in the list" : "in " + name;
  window.expect('[', where);
  if (window.take(']')) return;
  size_t index = 0;
  do take({name, index++, window.value()});
  while (window.take(','));
  window.expect(']', "after " + name + "[" + std::to_string(index - 1) + "]");
}

void read_members(Window& window, JsonLists& lists,
                  const std::function<void(const JsonEntry&)>& take) {
  window.expect('{', "to begin the document");
  if (window.take('}')) return;
  do {
    if (window.peek() != '"') throw Malformed{"expected a member name" + window.here()};
    const auto quoted = window.value();
    const std::string name(quoted.substr(1, quoted.size() - 2));
    window.expect(':', "after \"" + name + "\"");
    if (window.peek() == '[') {
      lists.names.push_back(name);
      read_list(window, name, take);
    } else {
      window.value();
    }
  } while (window.take(','));
  window.expect('}', "after the last member");
}

}  // namespace

JsonLists for_each_entry(const std::filesystem::path& file,
                         const std::function<void(const JsonEntry&)>& take) {
  Window window(file);
  JsonLists lists;
  try {
    if (window.at_end()) throw Malformed{"the file is empty"};
    if (const char first = window.peek(); first == '\xFF' || first == '\xFE')
      throw Malformed{"expected UTF-8, got UTF-16"};
    for (const char mark : {'\xEF', '\xBB', '\xBF'})  // byte order mark of some editors
      if (!window.take(mark)) break;
    if (window.peek() == '[') {
      lists.names.emplace_back();
      read_list(window, "", take);
    } else {
      read_members(window, lists, take);
    }
    if (!window.at_end()) throw Malformed{"more text after the document" + window.here()};
  } catch (const Malformed& error) {
    lists.problem = error.message;
  }
  return lists;
}

}  // namespace lanner::datasets
