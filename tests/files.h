#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

namespace lanner::tests {

namespace fs = std::filesystem;

// An empty folder that is gone after the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "lanner-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  fs::path path;
};

inline void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

inline std::string read(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// The shared data beside the checkout, found upwards of this program: a path from __FILE__ is
// relative, since ccache makes it so, and was once looked up from the wrong folder.
inline fs::path data_beside_checkout() {
  const auto program = fs::canonical("/proc/self/exe");
  for (auto folder = program; folder.has_relative_path(); folder = folder.parent_path())
    if (fs::exists(folder / "shared/data")) return folder / "shared/data";
  return program.parent_path() / "shared/data";
}

// A folder of the shared real data (LANNER_SHARED_DATA, or beside the checkout); nothing, with a
// word on stderr, where it is absent.
inline std::optional<fs::path> shared_data(const std::string& name) {
  const char* given = std::getenv("LANNER_SHARED_DATA");
  const fs::path place = (given ? fs::path(given) : data_beside_checkout()) / name;
  if (fs::exists(place)) return fs::canonical(place);
  std::cerr << "skipped: " << place.string() << " is absent\n";
  return std::nullopt;
}

}  // namespace lanner::tests
