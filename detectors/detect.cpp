#include "lanner/detectors/detect.h"

#include <glob.h>

#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "lanner/datasets/batch.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/transforms.h"
#include "lanner/datasets/video.h"
#include "lanner/datasets/visualize.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/evaluate.h"
#include "lanner/detectors/show_offsets.h"
#include "lanner/detectors/training/autocast.h"
#include "lanner/detectors/training/progress.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

const fs::path kOffsets = "offsets";  // the folder of --show-offsets

struct Source {
  std::string place;  // a file, or what VideoReader takes
  fs::path name;      // where its picture or video goes, below the output folder
  bool video = false;
};

std::vector<std::string> expand(const std::string& pattern) {
  if (fs::exists(pattern) || datasets::is_address(pattern) ||
      pattern.find_first_of("*?[") == std::string::npos)
    return {pattern};
  glob_t found{};
  std::vector<std::string> files;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (files.empty()) throw missing_file(pattern + ": matches no file");
  return files;
}

std::vector<Source> sources_of(const DetectOptions& options) {
  std::vector<Source> sources;
  int streams = 0;
  for (const auto& given : options.sources)
    for (const auto& place : expand(given)) {
      if (datasets::is_video(place)) {
        const auto name = fs::is_regular_file(place)
                              ? fs::path(place).filename().replace_extension(".mp4")
                              : fs::path("stream" + std::to_string(++streams) + ".mp4");
        sources.push_back({place, name, true});
        continue;
      }
      for (const auto& file : datasets::list_images(place)) {
        auto name = fs::is_directory(place) ? file.lexically_relative(place) : file.filename();
        if (!datasets::is_image_name(name)) name += ".jpg";
        sources.push_back({file.string(), name, false});
      }
    }
  // Nothing is written over: neither what is read, nor one result by another.
  std::set<fs::path> names;
  for (const auto& [place, name, video] : sources) {
    std::vector<fs::path> written{name};
    if (options.show_offsets && !video) written.push_back(kOffsets / name);
    for (const auto& file : written) {
      std::error_code none;
      if (fs::equivalent(options.out / file, place, none))
        throw usage_error("out: " + options.out.string() + " would write over " + place);
      if (!names.insert(file).second)
        throw usage_error("source: two of them would be written as " +
                          (options.out / file).string());
    }
  }
  return sources;
}

// A JSON list that grows on disk, not in memory, and has its name only when it is whole.
class ListFile {
 public:
  explicit ListFile(fs::path file) : file_(std::move(file)) {
    std::error_code error;
    if (file_.has_parent_path()) fs::create_directories(file_.parent_path(), error);
    out_.open(partial());
    if (!out_) throw io_error(file_.string() + ": cannot be written");
  }
  void add(const nlohmann::ordered_json& entry) {
    out_ << (count_++ ? ",\n " : "[\n ")
         << entry.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  int64_t finish() {
    out_ << (count_ ? "\n]\n" : "[]\n");
    out_.close();
    std::error_code error;
    if (out_) fs::rename(partial(), file_, error);
    if (!out_ || error) throw io_error(file_.string() + ": cannot be written");
    return count_;
  }

 private:
  fs::path partial() const { return file_.string() + ".partial"; }
  fs::path file_;
  std::ofstream out_;
  int64_t count_ = 0;
};

class Job {
 public:
  Job(const DetectOptions& options, const std::function<bool()>& stop)
      : options_(options),
        stop_(stop),
        device_(device_from_name(options.device)),
        detector_(load_detector(options.weights, options.thresholds)),
        sources_(sources_of(options)),
        json_(options.save_json.empty() ? options.out / "detections.json" : options.save_json),
        results_(json_) {
    const auto& o = detector_->options;
    if (options.show_offsets && o.backbone.deformable.stages.empty() && !o.roi.deformable)
      throw usage_error("show-offsets: " + options.weights.string() +
                        ": the detector has no deformable layers");
    place(*detector_, device_);
  }

  void run() {
    std::error_code error;
    fs::create_directories(options_.out, error);
    if (!fs::is_directory(options_.out))
      throw io_error(options_.out.string() + ": cannot be made a folder");
    ProgressLine line("detect");
    for (size_t i = 0; i < sources_.size() && !stop_(); ++i) {
      try {
        sources_[i].video ? run_video(sources_[i]) : run_image(sources_[i]);
      } catch (const Error& failure) {
        if (failure.code != ExitCode::bad_data) throw;
        std::cerr << "error: " << failure.what() << "\n";
        ++failed_;
      }
      line.show(double(i + 1) / double(sources_.size()), sources_[i].name.string(),
                i + 1 == sources_.size());
    }
    std::cerr << results_.finish() << " detections: " << json_.string() << "\n";
    if (failed_) throw bad_data(std::to_string(failed_) + " of the sources could not be read");
  }

 private:
  void run_image(const Source& source) {
    const Autocast autocast(options_.precision == "bf16", device_.type());
    auto rgb = datasets::read_image(source.place).rgb;
    const auto detections = detect_image(detector_, rgb);
    keep(detections, source, -1);
    if (options_.show_offsets) {
      auto drawn = rgb.clone();
      draw_offsets(drawn, detector_, detections, options_.conf);
      datasets::write_image(options_.out / kOffsets / source.name, drawn);
    }
    draw(rgb, detections, detector_->options.categories, options_.conf);
    datasets::write_image(options_.out / source.name, rgb);
  }

  // Frame by frame: memory does not grow with the video's length.
  void run_video(const Source& source) {
    const Autocast autocast(options_.precision == "bf16", device_.type());
    datasets::VideoReader reader(source.place);
    std::unique_ptr<datasets::VideoWriter> writer;
    ProgressLine line("detect " + source.name.string());
    cv::Mat frame;
    int64_t count = 0;
    for (; !stop_() && reader.next(frame); ++count) {
      const auto detections = detect_image(detector_, frame);
      keep(detections, source, count);
      if (options_.save_video) {
        draw(frame, detections, detector_->options.categories, options_.conf);
        if (!writer)
          writer = std::make_unique<datasets::VideoWriter>(
              (options_.out / source.name).string(), reader.frames_per_second(), frame.size());
        writer->write(frame);
      }
      line.show(double(count + 1) / double(std::max(reader.frames(), count + 1)),
                "frame " + std::to_string(count + 1));
    }
    if (count == 0 && !stop_())
      throw bad_data(source.place + ": video: holds no frame that can be decoded");
    line.show(1, std::to_string(count) + " frames", true);
  }

  void keep(const Detections& detections, const Source& source, int64_t frame) {
    ++image_id_;
    for (const auto& found : to_coco(detections, image_id_, detector_->options.categories)) {
      if (found.score < options_.conf) continue;
      nlohmann::ordered_json entry{
          {"image_id", found.image_id},
          {"category_id", found.category_id},
          {"bbox", {found.bbox.x, found.bbox.y, found.bbox.width, found.bbox.height}},
          {"score", found.score},
          {"file_name", source.video ? source.place : source.name.string()}};
      if (frame >= 0) entry["frame"] = frame;
      results_.add(entry);
    }
  }

  const DetectOptions& options_;
  const std::function<bool()>& stop_;
  const torch::Device device_;
  Detector detector_;
  const std::vector<Source> sources_;
  const fs::path json_;
  ListFile results_;
  int64_t image_id_ = 0;  // of the image or frame at hand
  int failed_ = 0;
};

}  // namespace

datasets::Batch prepare_image(DetectorImpl& detector, const cv::Mat& rgb) {
  const auto& options = detector.options;
  datasets::Sample sample{rgb, {}, 0, "", rgb.cols, rgb.rows};
  datasets::resize(sample, datasets::resized({rgb.rows, rgb.cols}, options.resize));
  auto batch = datasets::collate({sample}, options.normalisation, 32);
  batch.images = batch.images.to(detector.parameters().front().device());
  return batch;
}

Detections detect_image(Detector& detector, const cv::Mat& rgb) {
  const auto found = detector->detect(prepare_image(*detector, rgb))[0];
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
