#pragma once

#include <filesystem>
#include <memory>
#include <opencv2/core/types.hpp>
#include <optional>

#include "lanner/datasets/videos/video_reader.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Writes an MP4 file of H.264 that browsers play, with the sound of the source. The file is made of
// fragments of about two seconds: if the writer is interrupted, what was written plays. Frames keep
// their times, also at a variable rate. Not thread-safe.
class LANNER_API VideoWriter {
 public:
  // Frames of another size are scaled to `size`; an odd side gets one more row or column, as H.264
  // needs even ones. The file may be a pipe or device. Throws io_error with the system's reason, as
  // write() and finish() do.
  VideoWriter(const std::filesystem::path& file, double frames_per_second, cv::Size size,
              const SoundStream& sound = {});
  ~VideoWriter();  // finishes the file, and says nothing of errors

  void write(const VideoFrame& frame);
  void finish(const Sound& rest = {});

  // A sentence about sound that MP4 cannot hold; nullopt if nothing is missing.
  const std::optional<std::string>& note() const;

 private:
  class File;
  std::unique_ptr<File> file_;
};

}  // namespace lanner::datasets
