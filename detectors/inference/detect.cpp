#include "lanner/detectors/inference/detect.h"

#include <exception>
#include <thread>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/results/image_results.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/frames.h"
#include "lanner/detectors/inference/outputs.h"
#include "lanner/detectors/inference/show_offsets.h"
#include "lanner/detectors/inference/show_sampling.h"
#include "lanner/detectors/inference/views.h"
#include "lanner/detectors/weights/checkpoint.h"

namespace lanner::detectors {
namespace {

// Three threads: one reads, one runs the network, one writes. Queues of a few frames are between
// them.
class DetectJob {
 public:
  DetectJob(const DetectOptions& options, const std::function<bool()>& stop)
      : options_(options),
        stop_(stop),
        device_(device_from_name(options.device)),
        detector_(load_detector(options.weights, thresholds(options), options.sampling)),
        sources_(list_sources(options)) {
    options.track.check();
    if (!options.view.region.empty() && options.view.region.size() != 4)
      throw usage_error("region: expected x1,y1,x2,y2");
    const auto& o = detector_->options;
    if (options.show_offsets && o.backbone.deformable.stages.empty() && !o.roi.deformable)
      throw usage_error("show_offsets: " + options.weights.string() +
                        ": the detector has no deformable layers");
    if (options.show_sampling && o.model != "diffusion")
      throw usage_error("show_sampling: " + options.weights.string() +
                        ": expected a diffusion detector, got " + o.model);
    place(*detector_, device_);
    outputs_.emplace(options, o.categories, sources_.size());
  }

  void run() {
    std::thread writer([this] { write(); });
    try {
      look();
    } catch (...) {
      found_.close();
      writer.join();
      throw;
    }
    found_.close();
    writer.join();
    if (write_error_) std::rethrow_exception(write_error_);
    outputs_->finish();
  }

 private:
  struct Looked {
    Frame frame;
    std::vector<datasets::FoundObject> objects;
  };

  // Following needs the detections of low score that the weights may leave out.
  static Thresholds thresholds(const DetectOptions& options) {
    auto result = options.thresholds;
    if (options.track.track && !result.score_threshold)
      result.score_threshold = std::min(0.05, options.track.low);
    return result;
  }

  void look() {
    const Autocast autocast(options_.precision == "bf16", device_.type());
    FrameReader reader(sources_, options_, [this] { return stop_() || failed_; });
    std::vector<Frame> batch;
    while (!stop_()) {
      auto frame = reader.next();
      const bool is_end = !frame || frame->is_end;
      if (!is_end) batch.push_back(std::move(*frame));
      if (is_end || std::ssize(batch) == options_.batch_size) {
        if (!look_at(batch)) return;
        batch.clear();
      }
      if (!frame) return;
      const bool fatal = is_end && frame->error && frame->error->code != ExitCode::bad_data;
      if (is_end && (!found_.push({std::move(*frame), {}}) || fatal)) return;
    }
  }

  // Returns false if nothing more can be written.
  bool look_at(std::vector<Frame>& batch) {
    if (batch.empty()) return true;
    std::vector<cv::Mat> images;
    for (const auto& frame : batch) images.push_back(frame.image.rgb);
    const auto detections = detect_views(detector_, images, options_.view);
    for (size_t i = 0; i < batch.size(); ++i) {
      if (options_.show_offsets && !batch[i].video) {
        auto image = images[i].clone();
        draw_offsets(image, detector_, detections[i], options_.conf);
        datasets::write_image(options_.out / kOffsetsFolder / batch[i].source->output, image);
      }
      if (options_.show_sampling && !batch[i].video)
        datasets::write_image(options_.out / kSamplingFolder / batch[i].source->output,
                              draw_sampling(images[i], detector_));
      if (!found_.push({std::move(batch[i]), to_objects(detections[i], outputs_->minimum_score())}))
        return false;
    }
    return true;
  }

  void write() {
    try {
      while (auto looked = found_.pop()) outputs_->add(std::move(looked->frame), looked->objects);
    } catch (...) {
      write_error_ = std::current_exception();
      failed_ = true;
      found_.close();
    }
  }

  const DetectOptions& options_;
  const std::function<bool()>& stop_;
  const torch::Device device_;
  Detector detector_;
  const std::vector<Source> sources_;
  std::optional<Outputs> outputs_;
  datasets::BoundedQueue<Looked> found_{4};
  std::exception_ptr write_error_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

std::vector<datasets::FoundObject> to_objects(const Detections& detections, double confidence) {
  std::vector<datasets::FoundObject> objects;
  const auto boxes = detections.boxes.contiguous();
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    const float* box = boxes.const_data_ptr<float>() + 4 * i;
    const double score = detections.scores[i].item<double>();
    if (score >= confidence)
      objects.push_back(
          {{box[0], box[1], box[2], box[3]}, detections.labels[i].item<int64_t>(), score});
  }
  return objects;
}

Detections detect_image(Detector& detector, const cv::Mat& rgb) {
  const auto detections = detector->detect(detector->prepare(rgb))[0];
  return {detections.boxes.cpu(), detections.labels.cpu(), detections.scores.cpu()};
}

void draw(cv::Mat& rgb, const Detections& detections,
          const std::vector<datasets::Category>& categories, double confidence) {
  datasets::draw(rgb, to_objects(detections, confidence), categories);
}

void detect(const DetectOptions& options, const std::function<bool()>& stop) {
  DetectJob(options, stop).run();
}

}  // namespace lanner::detectors
