#include "lanner/detectors/object_detector.h"

#include "lanner/datasets/images/to_rgb8.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/detect.h"
#include "lanner/detectors/weights/checkpoint.h"

namespace lanner {

struct ObjectDetector::State {
  mutable detectors::Detector detector;
  torch::Device device;
  ObjectDetectorOptions options;
  std::vector<std::string> classes;
};

namespace {

// LibTorch's errors, which programs without LibTorch cannot catch, as lanner's.
template <typename Work>
auto with_lanner_errors(const Work& work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    throw Error(ExitCode::internal, error.what_without_backtrace());
  }
}

}  // namespace

ObjectDetector::ObjectDetector(const std::filesystem::path& file,
                               const ObjectDetectorOptions& options)
    : state_(with_lanner_errors([&] {
        const auto device = detectors::device_from_name(options.device);
        auto detector = detectors::load_detector(file);
        detectors::place(*detector, device);
        std::vector<std::string> classes;
        for (const auto& category : detector->options.categories) classes.push_back(category.name);
        return std::make_unique<State>(State{detector, device, options, classes});
      })) {}

ObjectDetector::~ObjectDetector() = default;
ObjectDetector::ObjectDetector(ObjectDetector&&) noexcept = default;
ObjectDetector& ObjectDetector::operator=(ObjectDetector&&) noexcept = default;

std::vector<FoundBox> ObjectDetector::detect(const cv::Mat& image, PixelOrder order) const {
  const auto rgb = datasets::to_rgb8(image, order == PixelOrder::bgr);
  return with_lanner_errors([&] {
    const detectors::Autocast autocast(state_->options.bfloat16, state_->device.type());
    const auto found = detectors::detect_image(state_->detector, rgb);
    const auto boxes = found.boxes.contiguous();
    std::vector<FoundBox> result;
    for (int64_t i = 0; i < boxes.size(0); ++i) {
      const float* box = boxes.const_data_ptr<float>() + 4 * i;
      const auto score = found.scores[i].item<float>();
      const auto label = found.labels[i].item<int64_t>();
      if (score >= state_->options.min_score)
        result.push_back({box[0], box[1], box[2], box[3], static_cast<int>(label),
                          state_->classes[label - 1], score});
    }
    return result;
  });
}

std::vector<FoundBox> ObjectDetector::detect(const std::uint8_t* pixels, int width, int height,
                                             int channels, PixelOrder order,
                                             std::size_t stride) const {
  if (!pixels || width < 1 || height < 1 || (channels != 1 && channels != 3 && channels != 4))
    throw usage_error("image: expected pixels of 1, 3 or 4 channels, got " + std::to_string(width) +
                      " x " + std::to_string(height) + " of " + std::to_string(channels));
  const auto row = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  if (stride != 0 && stride < row)
    throw usage_error("stride: expected at least " + std::to_string(row) + " bytes, got " +
                      std::to_string(stride));
  // The matrix is only read.
  return detect(cv::Mat(height, width, CV_8UC(channels), const_cast<std::uint8_t*>(pixels),
                        stride ? stride : row),
                order);
}

const std::vector<std::string>& ObjectDetector::classes() const { return state_->classes; }

}  // namespace lanner
