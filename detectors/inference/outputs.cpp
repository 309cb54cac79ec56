#include "lanner/detectors/inference/outputs.h"

#include <algorithm>
#include <iostream>

#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

std::vector<double> confidences(const DetectOptions& options,
                                const std::vector<datasets::Category>& categories) {
  std::vector<double> result(categories.size(), options.conf);
  for (const auto& [name, confidence] : options.class_conf) {
    bool known = false;
    for (size_t i = 0; i < categories.size(); ++i)
      if (categories[i].name == name) result[i] = confidence, known = true;
    if (!known) throw usage_error("class_conf: the detector has no class \"" + name + "\"");
  }
  return result;
}

}  // namespace

Outputs::Outputs(const DetectOptions& options, const std::vector<datasets::Category>& categories,
                 size_t sources)
    : options_(options),
      categories_(categories),
      num_sources_(sources),
      confidences_(confidences(options, categories)),
      json_path_(options.save_json.empty() ? options.out / "detections.json" : options.save_json) {
  std::error_code error;
  fs::create_directories(options.out, error);
  if (!fs::is_directory(options.out)) throw io_error(options.out.string() + ": cannot be created");
  writers_.push_back(datasets::coco_results(json_path_, categories));
  if (!options.save_jsonl.empty())
    writers_.push_back(datasets::json_lines(options.save_jsonl, categories));
  if (!options.save_csv.empty())
    writers_.push_back(datasets::csv_results(options.save_csv, categories));
  if (options.save_labels != "none")
    writers_.push_back(datasets::labels(options.save_labels, options.out / "labels", categories));
  if (options.save_crops) writers_.push_back(datasets::crops(options.out / "crops", categories));
}

double Outputs::minimum_score() const {
  double least = *std::min_element(confidences_.begin(), confidences_.end());
  return options_.track.track ? std::min(least, options_.track.low) : least;
}

// Those that are drawn and saved; of a video whose objects are followed, those of tracks.
std::vector<datasets::FoundObject> Outputs::chosen(
    const std::vector<datasets::FoundObject>& objects, const Frame& frame) {
  if (frame.video && tracker_) return tracker_->update(objects, frame.image.rgb);
  auto result = objects;
  std::erase_if(result,
                [&](const auto& object) { return object.score < confidences_[object.label - 1]; });
  return result;
}

void Outputs::begin_video(const Frame& frame) {
  frames_ = 0;
  if (options_.track.track) {
    tracker_.emplace(options_.track);
    counters_.emplace(options_.track);
  }
  if (!options_.save_video) return;
  const auto file = options_.out / frame.source->output;
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  video_ = std::make_unique<datasets::VideoWriter>(
      file, frame.video->frames_per_second / double(options_.clip.every), frame.image.rgb.size(),
      frame.video->sound);
  if (video_->note()) std::cerr << "note: " << file.string() << ": " << *video_->note() << "\n";
}

void Outputs::add(Frame frame, const std::vector<datasets::FoundObject>& found) {
  if (frame.is_end) return end_source(frame);
  const bool video = frame.video != nullptr;
  if (video && frames_ == 0 && !video_) begin_video(frame);
  datasets::ImageResults results{
      .image_id = ++image_id_,
      .file_name = video ? frame.source->input : frame.source->output.string(),
      .rgb = frame.image.rgb,
      .objects = chosen(found, frame)};
  if (video) results.frame = frame.image.index, results.seconds = frame.image.seconds;
  for (const auto& writer : writers_) writer->add(results);
  detections_ += std::ssize(results.objects);
  if (video && counters_) counters_->update(results.objects);

  if (video ? video_ != nullptr : options_.save_images) {
    datasets::draw(frame.image.rgb, results.objects, categories_);
    if (video && counters_) counters_->draw(frame.image.rgb);
    if (video)
      video_->write(frame.image);
    else
      datasets::write_image(options_.out / frame.source->output, frame.image.rgb);
  }
  if (!video) return;
  ++frames_;
  const auto all = std::max<double>(double(frame.video->frames), double(frame.image.index + 1));
  progress_.show((double(ended_) + double(frame.image.index + 1) / all) / double(num_sources_),
                 frame.source->output.string() + ", frame " + std::to_string(frame.image.index));
}

void Outputs::end_source(const Frame& frame) {
  ++ended_;
  const auto& name = frame.source->input;
  if (video_) {
    const auto video = std::move(video_);
    video->finish(frame.image.sound);
  }
  if (counters_ && !(options_.track.lines.empty() && options_.track.zones.empty()))
    datasets::write_file(options_.out / (frame.source->output.stem().string() + "_counts.json"),
                         counters_->to_json(categories_));
  tracker_.reset(), counters_.reset();
  for (const auto& fault : frame.faults) std::cerr << "warning: " << name << ": " << fault << "\n";
  if (frame.error && frame.error->code == ExitCode::bad_data) {
    std::cerr << "error: " << frame.error->what() << "\n";
    ++failed_;
  } else if (frame.error) {
    fatal_ = frame.error;
  }
  const auto frames = frame.video ? ", " + std::to_string(frames_) + " frames" : "";
  progress_.show(double(ended_) / double(num_sources_), frame.source->output.string() + frames,
                 ended_ == num_sources_ || frame.video);
  frames_ = 0;
}

void Outputs::finish() {
  if (video_) std::exchange(video_, nullptr)->finish();
  for (const auto& writer : writers_) writer->finish();
  std::cerr << detections_ << " detections: " << json_path_.string() << "\n";
  if (fatal_) throw *fatal_;
  if (failed_ > 0) throw bad_data(std::to_string(failed_) + " of the sources could not be read");
}

}  // namespace lanner::detectors
