#include "lanner/detectors/training/save_checkpoint.h"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

constexpr int kAttempts = 3;
constexpr std::chrono::seconds kPause{2};

}  // namespace

void save_checkpoint(const fs::path& file, const SafeTensors& content) {
  for (int attempt = 1;; ++attempt) {
    try {
      return write_safetensors(file, content);
    } catch (const Error& error) {
      if (error.code != ExitCode::io || attempt == kAttempts) throw;
      std::cerr << "warning: " << error.what() << ": trying again\n";
    }
    std::this_thread::sleep_for(kPause);
  }
}

void keep_checkpoint(const fs::path& out, int64_t step, int count) {
  const auto last = out / "last.safetensors", folder = out / "checkpoints";
  std::ostringstream name;
  name << std::setw(9) << std::setfill('0') << step << ".safetensors";
  const auto kept = folder / name.str();
  std::error_code error;
  fs::create_directories(folder, error);
  fs::remove(kept, error);
  // A link takes no space of its own until the last checkpoint is replaced.
  fs::create_hard_link(last, kept, error);
  if (error) fs::copy_file(last, kept, error);
  if (error) throw io_error(kept.string() + ": cannot be written: " + error.message());
  std::vector<fs::path> files;
  static const std::regex is_own("[0-9]{9}\\.safetensors");  // others stay
  for (const auto& entry : fs::directory_iterator(folder))
    if (std::regex_match(entry.path().filename().string(), is_own)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (; std::ssize(files) > count; files.erase(files.begin())) fs::remove(files.front(), error);
}

}  // namespace lanner::detectors
