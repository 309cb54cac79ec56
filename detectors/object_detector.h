#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "lanner/datasets/error.h"
#include "lanner/ops/api.h"

// A detector for programs that do not use LibTorch: images in, plain structs out.
namespace lanner {

struct FoundBox {
  float x1 = 0, y1 = 0, x2 = 0, y2 = 0;  // in pixels of the image
  int label = 0;                         // 1..C
  std::string name;                      // of the class
  float score = 0;                       // 0..1
};

// The order of an image's color channels. cv::imread gives bgr.
enum class PixelOrder { rgb, bgr };

struct ObjectDetectorOptions {
  std::string device = "cpu";  // "cpu", "cuda", "cuda:1"
  bool bfloat16 = false;       // faster on CPUs that have it
  float min_score = 0.5f;      // 0..1
};

// Any number of threads may call detect() at once.
class LANNER_API ObjectDetector {
 public:
  // `file`: weights, as `lanner train` writes them. Throws Error: of code missing_file, bad_data
  // for a file that is no detector, and usage for a device that is not there.
  explicit ObjectDetector(const std::filesystem::path& file,
                          const ObjectDetectorOptions& options = {});
  ~ObjectDetector();
  ObjectDetector(ObjectDetector&&) noexcept;
  ObjectDetector& operator=(ObjectDetector&&) noexcept;

  // Boxes by descending score. `image` has 1, 3 or 4 channels (gray, color, color and alpha, which
  // is ignored) of 8 or 16 bits, or of floats in 0..1. Throws Error of code usage for others, and
  // for floats that are not in 0..1.
  std::vector<FoundBox> detect(const cv::Mat& image, PixelOrder order) const;

  // The same for pixels of 8 bits in rows of `stride` bytes; 0: width * channels.
  std::vector<FoundBox> detect(const std::uint8_t* pixels, int width, int height, int channels,
                               PixelOrder order, std::size_t stride = 0) const;

  // The names of the classes, in the order of their labels.
  const std::vector<std::string>& classes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lanner
