#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lanner::datasets {

// One entry of a top-level list of a JSON document.
struct JsonEntry {
  std::string_view list;  // name of the list; empty if the document itself is the list
  size_t index = 0;
  std::string_view text;  // unparsed bytes; 64 more bytes after them may be read
};

struct JsonLists {
  std::vector<std::string> names;  // lists found; "" if the document itself is a list
  std::string
      problem;  // syntax error outside the entries, "unexpected end at byte 7"; empty if none
};

// Reads a document in one pass and calls `take` for each entry of its lists. Other members are
// skipped. Only a window of the file is in memory, so large annotation files need little memory.
// Throws missing_file and io_error.
JsonLists for_each_entry(const std::filesystem::path& file,
                         const std::function<void(const JsonEntry&)>& take);

}  // namespace lanner::datasets
