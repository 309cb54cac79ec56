#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace lanner::detectors {

// A file of scalars for TensorBoard: protocol buffers of tensorflow/core/util/event.proto in
// records of TFRecord.
class EventFile {
 public:
  // Begins a file in `folder`. What other files there have from `step` on is not shown any more.
  // Throws io_error.
  EventFile(const std::filesystem::path& folder, int64_t step);
  void write(int64_t step, const std::vector<std::pair<std::string, double>>& scalars);

 private:
  void write_event(int64_t step, const std::string& field);

  std::filesystem::path file_;
  std::ofstream out_;
};

}  // namespace lanner::detectors
