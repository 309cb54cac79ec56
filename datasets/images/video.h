#pragma once

#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>

#include "lanner/ops/api.h"

namespace cv {
class VideoCapture;
class VideoWriter;
}  // namespace cv

namespace lanner::datasets {

// Reads the frames of a video file, a camera ("0") or a stream URL.
class LANNER_API VideoReader {
 public:
  explicit VideoReader(const std::string& source);  // throws missing_file or bad_data
  ~VideoReader();
  bool next(cv::Mat& rgb);           // false at the end
  double frames_per_second() const;  // 25 if unknown
  int64_t frames() const;            // 0 if unknown, for example for a camera

 private:
  std::unique_ptr<cv::VideoCapture> capture_;
};

// Writes an MPEG-4 file. The constructor throws io_error.
class LANNER_API VideoWriter {
 public:
  VideoWriter(const std::string& file, double frames_per_second, cv::Size size);
  ~VideoWriter();
  void write(const cv::Mat& rgb);

 private:
  std::unique_ptr<cv::VideoWriter> writer_;
};

// Whether the name of a source denotes a video: a known file extension, a URL, or the number of a
// camera if no file has that name.
LANNER_API bool is_video(const std::string& source);
LANNER_API bool is_address(const std::string& source);

}  // namespace lanner::datasets
