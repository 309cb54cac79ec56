#include "lanner/detectors/inference/detect.h"

#include <glob.h>

#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/transforms.h"
#include "lanner/datasets/images/video.h"
#include "lanner/datasets/images/visualize.h"
#include "lanner/datasets/loading/batch.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/detect_dataset.h"
#include "lanner/detectors/inference/show_offsets.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/weights/checkpoint.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

const fs::path kOffsetsFolder = "offsets";  // of --show-offsets

struct Source {
  std::string input;  // an image file, or an argument of VideoReader
  fs::path output;    // of the annotated image or video, relative to the output folder
  bool is_video = false;
};

// Escapes the leading folders that exist, so that the brackets of "[2024] photos" are not taken for
// a set of characters.
std::string with_literal_folders(const fs::path& pattern) {
  fs::path literal, result;
  bool is_literal = true;
  for (const auto& part : pattern) {
    is_literal = is_literal && fs::exists(literal / part);
    std::string text = part.string();
    if (is_literal) {
      literal /= part;
      for (size_t i = 0; (i = text.find_first_of("*?[\\", i)) != std::string::npos; i += 2)
        text.insert(i, 1, '\\');
    }
    result /= text;
  }
  return result.string();
}

std::vector<std::string> expand_pattern(const std::string& pattern) {
  if (fs::exists(pattern) || datasets::is_address(pattern) ||
      pattern.find_first_of("*?[") == std::string::npos)
    return {pattern};
  glob_t matches{};
  std::vector<std::string> files;
  if (glob(with_literal_folders(pattern).c_str(), 0, nullptr, &matches) == 0)
    files.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  globfree(&matches);
  if (files.empty()) throw missing_file(pattern + ": matches no file");
  return files;
}

std::vector<Source> list_sources(const DetectOptions& options) {
  std::vector<Source> sources;
  int streams = 0;
  for (const auto& pattern : options.source)
    for (const auto& input : expand_pattern(pattern)) {
      if (datasets::is_video(input)) {
        const auto output = fs::is_regular_file(input)
                                ? fs::path(input).filename().replace_extension(".mp4")
                                : fs::path("stream" + std::to_string(++streams) + ".mp4");
        sources.push_back({input, output, true});
        continue;
      }
      for (const auto& file : datasets::list_images(input)) {
        auto output = fs::is_directory(input) ? file.lexically_relative(input) : file.filename();
        if (!datasets::can_write_image(output)) output += ".jpg";
        sources.push_back({file.string(), output, false});
      }
    }
  // No output may overwrite an input or another output.
  std::map<fs::path, std::string> outputs;
  for (const auto& [input, output, is_video] : sources) {
    std::vector<fs::path> files{output};
    if (options.show_offsets && !is_video) files.push_back(kOffsetsFolder / output);
    for (const auto& file : files) {
      std::error_code ignored;
      if (fs::equivalent(options.out / file, input, ignored))
        throw usage_error("out: " + options.out.string() + " would write over " + input);
      if (const auto [other, added] = outputs.emplace(file, input); !added)
        throw usage_error("source: " + other->second + " and " + input +
                          " would both be written as " + (options.out / file).string());
    }
  }
  return sources;
}

// Writes a JSON list entry by entry, so that memory does not grow with it. The file appears under
// its name when it is complete.
class JsonListFile {
 public:
  explicit JsonListFile(fs::path file) : file_(std::move(file)) {}
  void add(const nlohmann::ordered_json& entry) {
    file_.stream() << (count_++ ? ",\n " : "[\n ")
                   << entry.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  int64_t finish() {
    file_.stream() << (count_ ? "\n]\n" : "[]\n");
    file_.commit();
    return count_;
  }

 private:
  datasets::AtomicFile file_;
  int64_t count_ = 0;
};

class DetectJob {
 public:
  DetectJob(const DetectOptions& options, const std::function<bool()>& stop)
      : options_(options),
        stop_(stop),
        device_(device_from_name(options.device)),
        detector_(load_detector(options.weights, options.thresholds)),
        sources_(list_sources(options)),
        json_path_(options.save_json.empty() ? options.out / "detections.json" : options.save_json),
        results_(json_path_) {
    const auto& o = detector_->options;
    if (options.show_offsets && o.backbone.deformable.stages.empty() && !o.roi.deformable)
      throw usage_error("show_offsets: " + options.weights.string() +
                        ": the detector has no deformable layers");
    place(*detector_, device_);
  }

  void run() {
    std::error_code error;
    fs::create_directories(options_.out, error);
    if (!fs::is_directory(options_.out))
      throw io_error(options_.out.string() + ": cannot be created");
    ProgressLine progress("detect");
    for (size_t i = 0; i < sources_.size() && !stop_(); ++i) {
      try {
        sources_[i].is_video ? run_video(sources_[i]) : run_image(sources_[i]);
      } catch (const Error& failure) {
        if (failure.code != ExitCode::bad_data) throw;
        std::cerr << "error: " << failure.what() << "\n";
        ++num_failed_;
      }
      progress.show(double(i + 1) / double(sources_.size()), sources_[i].output.string(),
                    i + 1 == sources_.size());
    }
    std::cerr << results_.finish() << " detections: " << json_path_.string() << "\n";
    if (num_failed_)
      throw bad_data(std::to_string(num_failed_) + " of the sources could not be read");
  }

 private:
  void run_image(const Source& source) {
    const Autocast autocast(options_.precision == "bf16", device_.type());
    auto rgb = datasets::read_image(source.input).rgb;
    const auto detections = detect_image(detector_, rgb);
    add_results(detections, source, -1);
    if (options_.show_offsets) {
      auto image = rgb.clone();
      draw_offsets(image, detector_, detections, options_.conf);
      datasets::write_image(options_.out / kOffsetsFolder / source.output, image);
    }
    draw(rgb, detections, detector_->options.categories, options_.conf);
    datasets::write_image(options_.out / source.output, rgb);
  }

  // Processes one frame at a time, so that memory does not grow with the length of the video.
  void run_video(const Source& source) {
    const Autocast autocast(options_.precision == "bf16", device_.type());
    datasets::VideoReader reader(source.input);
    std::unique_ptr<datasets::VideoWriter> writer;
    ProgressLine progress("detect " + source.output.string());
    cv::Mat frame;
    int64_t count = 0;
    for (; !stop_() && reader.next(frame); ++count) {
      const auto detections = detect_image(detector_, frame);
      add_results(detections, source, count);
      if (options_.save_video) {
        draw(frame, detections, detector_->options.categories, options_.conf);
        if (!writer)
          writer = std::make_unique<datasets::VideoWriter>(
              (options_.out / source.output).string(), reader.frames_per_second(), frame.size());
        writer->write(frame);
      }
      progress.show(double(count + 1) / double(std::max(reader.frames(), count + 1)),
                    "frame " + std::to_string(count + 1));
    }
    if (count == 0 && !stop_())
      throw bad_data(source.input + ": video: contains no frame that can be decoded");
    progress.show(1, std::to_string(count) + " frames", true);
  }

  // frame: index in a video, or -1 for an image.
  void add_results(const Detections& detections, const Source& source, int64_t frame) {
    ++image_id_;
    for (const auto& detection : to_coco(detections, image_id_, detector_->options.categories)) {
      if (detection.score < options_.conf) continue;
      nlohmann::ordered_json entry{
          {"image_id", detection.image_id},
          {"category_id", detection.category_id},
          {"bbox",
           {detection.bbox.x, detection.bbox.y, detection.bbox.width, detection.bbox.height}},
          {"score", detection.score},
          {"file_name", source.is_video ? source.input : source.output.string()}};
      if (frame >= 0) entry["frame"] = frame;
      results_.add(entry);
    }
  }

  const DetectOptions& options_;
  const std::function<bool()>& stop_;
  const torch::Device device_;
  Detector detector_;
  const std::vector<Source> sources_;
  const fs::path json_path_;
  JsonListFile results_;
  int64_t image_id_ = 0;  // of the current image or frame
  int num_failed_ = 0;
};

}  // namespace

Detections detect_image(Detector& detector, const cv::Mat& rgb) {
  const auto detections = detector->detect(detector->prepare(rgb))[0];
  return {detections.boxes.cpu(), detections.labels.cpu(), detections.scores.cpu()};
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
  DetectJob(options, stop).run();
}

}  // namespace lanner::detectors
