#include "lanner/detectors/detect.h"

#include <glob.h>

#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/coco.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/transforms.h"
#include "lanner/datasets/video.h"
#include "lanner/datasets/visualize.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/evaluate.h"
#include "lanner/detectors/training/progress.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

struct Source {
  fs::path file;
  fs::path name;  // below the folder that was given: where its picture goes
};

std::vector<std::string> expand(const std::string& pattern) {
  if (fs::exists(pattern) || pattern.find_first_of("*?[") == std::string::npos) return {pattern};
  glob_t found{};
  std::vector<std::string> files;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (files.empty()) throw missing_file(pattern + ": matches no file");
  return files;
}

class Job {
 public:
  Job(const DetectOptions& options, const std::function<bool()>& stop)
      : options_(options), stop_(stop), detector_(load_detector(options.weights)) {
    place(*detector_, device_from_name(options.device));
  }

  void run() {
    std::vector<Source> images;
    std::vector<std::string> videos;
    for (const auto& given : options_.sources)
      for (const auto& source : expand(given)) {
        if (datasets::is_video(source))
          videos.push_back(source);
        else
          for (const auto& file : datasets::list_images(source))
            images.push_back(
                {file, fs::is_directory(source) ? fs::relative(file, source) : file.filename()});
      }
    std::error_code error;
    fs::create_directories(options_.out, error);
    if (!fs::is_directory(options_.out))
      throw io_error(options_.out.string() + ": cannot be made a folder");
    run_images(images);
    for (const auto& video : videos)
      if (!stop_()) run_video(video);
    const auto json =
        options_.save_json.empty() ? options_.out / "detections.json" : options_.save_json;
    datasets::write_file(json, results_.dump(1) + "\n");
    std::cerr << results_.size() << " detections: " << json.string() << "\n";
    if (failed_) throw bad_data(std::to_string(failed_) + " of the images could not be read");
  }

 private:
  void run_images(const std::vector<Source>& images) {
    ProgressLine line("detect");
    for (size_t i = 0; i < images.size() && !stop_(); ++i) {
      const auto& [file, name] = images[i];
      try {
        auto rgb = datasets::read_image(file).rgb;
        const auto detections = detect_image(detector_, rgb);
        keep(detections, static_cast<int64_t>(i) + 1, name.string(), -1);
        draw(rgb, detections, detector_->options.categories, options_.conf);
        datasets::write_image(options_.out / name, rgb);
      } catch (const Error& failure) {
        if (failure.code != ExitCode::bad_data) throw;
        std::cerr << "error: " << failure.what() << "\n";
        ++failed_;
      }
      line.show(double(i + 1) / double(images.size()), name.string(), i + 1 == images.size());
    }
  }

  // Frame by frame: memory does not grow with the video's length.
  void run_video(const std::string& source) {
    datasets::VideoReader reader(source);
    std::unique_ptr<datasets::VideoWriter> writer;
    const fs::path name =
        source.find("://") != std::string::npos ? fs::path("stream") : fs::path(source).filename();
    ProgressLine line("detect " + name.string());
    cv::Mat frame;
    int64_t count = 0;
    while (!stop_() && reader.next(frame)) {
      const auto detections = detect_image(detector_, frame);
      ++count;
      keep(detections, count, name.string(), count - 1);
      if (options_.save_video) {
        draw(frame, detections, detector_->options.categories, options_.conf);
        if (!writer)
          writer = std::make_unique<datasets::VideoWriter>(
              (options_.out / name).replace_extension(".mp4").string(), reader.frames_per_second(),
              frame.size());
        writer->write(frame);
      }
      const auto total = std::max(reader.frames(), count);
      line.show(double(count) / double(total), "frame " + std::to_string(count));
    }
    if (count == 0) throw bad_data(source + ": video: holds no frame that can be decoded");
    line.show(1, std::to_string(count) + " frames", true);
  }

  void keep(const Detections& detections, int64_t image_id, const std::string& name,
            int64_t frame) {
    for (const auto& found : to_coco(detections, image_id, detector_->options.categories)) {
      if (found.score < options_.conf) continue;
      nlohmann::ordered_json entry{
          {"image_id", found.image_id},
          {"category_id", found.category_id},
          {"bbox", {found.bbox.x, found.bbox.y, found.bbox.width, found.bbox.height}},
          {"score", found.score},
          {"file_name", name}};
      if (frame >= 0) entry["frame"] = frame;
      results_.push_back(std::move(entry));
    }
  }

  const DetectOptions& options_;
  const std::function<bool()>& stop_;
  Detector detector_;
  nlohmann::ordered_json results_ = nlohmann::ordered_json::array();
  int failed_ = 0;
};

}  // namespace

Detections detect_image(Detector& detector, const cv::Mat& rgb) {
  const auto& options = detector->options;
  datasets::Sample sample{rgb, {}, 0, "", rgb.cols, rgb.rows};
  datasets::resize(sample, datasets::resized({rgb.rows, rgb.cols}, options.resize));
  auto batch = datasets::collate({sample}, options.normalisation, 32);
  batch.images = batch.images.to(detector->parameters().front().device());
  const auto found = detector->detect(batch)[0];
  return {found.boxes.cpu(), found.labels.cpu(), found.scores.cpu()};
}

void draw(cv::Mat& rgb, const Detections& detections,
          const std::vector<datasets::Category>& categories, double confidence) {
  std::vector<datasets::Label> labels;
  const auto boxes = detections.boxes.contiguous();
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    const double score = detections.scores[i].item<double>();
    if (score < confidence) continue;
    const float* box = boxes.const_data_ptr<float>() + 4 * i;
    const auto label = detections.labels[i].item<int64_t>();
    std::ostringstream text;
    text << categories[label - 1].name << " " << std::fixed << std::setprecision(2) << score;
    labels.push_back({{box[0], box[1], box[2], box[3]}, label, text.str()});
  }
  datasets::draw(rgb, labels);
}

void detect(const DetectOptions& options, const std::function<bool()>& stop) {
  Job(options, stop).run();
}

}  // namespace lanner::detectors
