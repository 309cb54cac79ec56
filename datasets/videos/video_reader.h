#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "lanner/ops/api.h"

struct AVCodecParameters;
struct AVPacket;

namespace lanner::datasets {

// Whether a source is a video: a file whose content is one, whatever its name, a stream address,
// the number of a camera (unless a file has that name), or "-", the standard input.
LANNER_API bool is_video(const std::string& source);
LANNER_API bool is_address(const std::string& source);

// Sound packets, as they are in the file; VideoWriter copies them.
using Sound = std::vector<std::shared_ptr<AVPacket>>;

// How the sound of a video is encoded; `parameters` is null where there is none.
struct SoundStream {
  std::shared_ptr<AVCodecParameters> parameters;
  double seconds_per_tick = 0;  // of the time stamps of its packets
  double start = 0;             // of the video, in seconds by those time stamps
};

struct VideoFrame {
  cv::Mat rgb;         // CV_8UC3, upright: the video's own rotation is applied
  double seconds = 0;  // since the start of the video
  int64_t index = 0;   // number of the frame in the video, from 0
  Sound sound;         // what comes before the frame
};

struct VideoOptions {
  double start = 0, end = 0;     // seconds from the start of the video; an end of 0: to the end
  int every = 1;                 // every how many frames one is returned
  bool sound = false;            // whether frames carry the sound
  double timeout = 10;           // seconds after which a source that sends nothing is an error
  std::function<bool()> stop{};  // when it returns true, the video ends
};

// Reads a video with FFmpeg's libraries. Packets that cannot be decoded are passed over and
// counted. Not thread-safe.
class LANNER_API VideoReader {
 public:
  // Throws missing_file, bad_data for a source without a video that can be decoded, and io_error
  // for one that cannot be opened in time.
  explicit VideoReader(const std::string& source, const VideoOptions& options = {});
  ~VideoReader();

  // Reads the next frame; false at the end, with what is left of the sound. Throws io_error if the
  // source stalls.
  bool next(VideoFrame& frame);

  double frames_per_second() const;  // 25 if unknown
  int64_t frames() const;            // as the file says; 0 if unknown, for example for a camera
  SoundStream sound() const;

  // What was wrong, one sentence each: damaged packets, a file that ends early. Call it at the end.
  std::vector<std::string> faults() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace lanner::datasets
