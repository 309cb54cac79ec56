#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lanner::datasets {

// One entry of a list at the top of a JSON document.
struct JsonEntry {
  std::string_view list;  // the member that holds the list; empty where the document is the list
  size_t index = 0;
  std::string_view text;  // its bytes, not parsed yet; 64 more may be read behind them
};

struct JsonLists {
  std::vector<std::string> names;  // of the lists that were found; empty where the document is one
  std::string problem;  // around the entries, such as "unexpected end at byte 7"; empty if none
};

// Reads a document of any size in one pass, a window at a time, and hands on the entries of its
// lists: annotation files are lists of small objects, and half a gigabyte of them needs no tree in
// memory. Other members are passed over. Throws missing_file and io_error.
JsonLists for_each_entry(const std::filesystem::path& file,
                         const std::function<void(const JsonEntry&)>& take);

}  // namespace lanner::datasets
