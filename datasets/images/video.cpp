#include "lanner/datasets/images/video.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace {

bool is_camera(const std::string& source) {
  return !source.empty() && source.size() < 3 && !std::filesystem::exists(source) &&
         std::all_of(source.begin(), source.end(), [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

bool is_address(const std::string& source) { return source.find("://") != std::string::npos; }

bool is_video(const std::string& source) {
  if (std::filesystem::is_directory(source)) return false;
  if (is_camera(source) || is_address(source)) return true;
  std::string extension = std::filesystem::path(source).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  constexpr std::array extensions{".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"};
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

VideoReader::VideoReader(const std::string& source) {
  if (!is_camera(source) && !is_address(source) && !std::filesystem::exists(source))
    throw missing_file(source + ": no such file");
  capture_ = is_camera(source) ? std::make_unique<cv::VideoCapture>(std::stoi(source))
                               : std::make_unique<cv::VideoCapture>(source);
  if (!capture_->isOpened()) throw bad_data(source + ": video: cannot be opened");
}

VideoReader::~VideoReader() = default;

bool VideoReader::next(cv::Mat& rgb) {
  cv::Mat bgr;
  if (!capture_->read(bgr)) return false;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return true;
}

double VideoReader::frames_per_second() const {
  const double rate = capture_->get(cv::CAP_PROP_FPS);
  return rate > 0 && rate < 1000 ? rate : 25;
}

int64_t VideoReader::frames() const {
  return std::max<int64_t>(0, static_cast<int64_t>(capture_->get(cv::CAP_PROP_FRAME_COUNT)));
}

VideoWriter::VideoWriter(const std::string& file, double frames_per_second, cv::Size size)
    : writer_(std::make_unique<cv::VideoWriter>(file, cv::VideoWriter::fourcc('m', 'p', '4', 'v'),
                                                frames_per_second, size)) {
  if (!writer_->isOpened()) throw io_error(file + ": cannot be written");
}

VideoWriter::~VideoWriter() = default;

void VideoWriter::write(const cv::Mat& rgb) {
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  writer_->write(bgr);
}

}  // namespace lanner::datasets
