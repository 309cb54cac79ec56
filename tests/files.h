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

// A folder of the shared real data (LANNER_SHARED_DATA, or beside the checkout); nothing, with a
// word on stderr, where it is absent.
inline std::optional<fs::path> shared_data(const std::string& name) {
  const char* given = std::getenv("LANNER_SHARED_DATA");
  const fs::path place =
      (given ? fs::path(given) : fs::path(__FILE__).parent_path() / "../../shared/data") / name;
  if (fs::exists(place)) return fs::canonical(place);
  std::cerr << "skipped: " << place.string() << " is absent\n";
  return std::nullopt;
}

}  // namespace lanner::tests
