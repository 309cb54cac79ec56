#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lanner/datasets/bounded_queue.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/videos/video_reader.h"
#include "lanner/detectors/inference/sources.h"

namespace lanner::detectors {

// What is known of a video before its frames.
struct VideoFacts {
  double frames_per_second = 0;
  int64_t frames = 0;  // 0 if unknown
  datasets::SoundStream sound;
};

// An image or a frame of a video, or the end of a source.
struct Frame {
  const Source* source = nullptr;
  datasets::VideoFrame image{};               // of an image, rgb alone; at the end, sound alone
  std::shared_ptr<const VideoFacts> video{};  // null for an image
  bool is_end = false;                        // of the source; it has no picture
  std::optional<Error> error{};               // why the source ends before its end
  std::vector<std::string> faults{};          // of the video, at its end
};

// Reads all sources in order on a thread of its own, a few frames ahead. After each source comes
// its end, also after one that cannot be read. When stop() returns true, the frames end.
class FrameReader {
 public:
  FrameReader(const std::vector<Source>& sources, const DetectOptions& options,
              const std::function<bool()>& stop);
  ~FrameReader();
  std::optional<Frame> next() { return queue_.pop(); }

 private:
  void read_all();
  void read_image(const Source& source);
  void read_video(const Source& source);

  const std::vector<Source>& sources_;
  const DetectOptions& options_;
  const std::function<bool()> stop_;
  datasets::BoundedQueue<Frame> queue_;
  std::thread thread_;
};

}  // namespace lanner::detectors
