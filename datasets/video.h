#pragma once

#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>

namespace cv {
class VideoCapture;
class VideoWriter;
}  // namespace cv

namespace lanner::datasets {

// Frames of a video file, a camera ("0") or a stream address, one at a time.
class VideoReader {
 public:
  explicit VideoReader(const std::string& source);  // throws missing_file or bad_data
  ~VideoReader();
  bool next(cv::Mat& rgb);  // false at the end
  double frames_per_second() const;
  int64_t frames() const;  // 0 where unknown, as of a camera

 private:
  std::unique_ptr<cv::VideoCapture> capture_;
};

// An MPEG-4 file. Throws io_error.
class VideoWriter {
 public:
  VideoWriter(const std::string& file, double frames_per_second, cv::Size size);
  ~VideoWriter();
  void write(const cv::Mat& rgb);

 private:
  std::unique_ptr<cv::VideoWriter> writer_;
};

// Whether a source is a video by its name: a known extension, an address, or a camera's number
// where no file has that name.
bool is_video(const std::string& source);
bool is_address(const std::string& source);

}  // namespace lanner::datasets
