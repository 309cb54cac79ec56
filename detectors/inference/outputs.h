#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "lanner/datasets/results/image_results.h"
#include "lanner/datasets/tracking/counters.h"
#include "lanner/datasets/tracking/tracker.h"
#include "lanner/datasets/videos/video_writer.h"
#include "lanner/detectors/inference/frames.h"
#include "lanner/detectors/progress_line.h"

namespace lanner::detectors {

// Everything that `lanner detect` writes, frame by frame, so that memory does not grow. Not
// thread-safe.
class Outputs {
 public:
  // Throws usage_error for a class that the detector lacks, and io_error.
  Outputs(const DetectOptions& options, const std::vector<datasets::Category>& categories,
          size_t sources);

  // Takes an image or frame with all detections of at least `minimum_score()`, or the end of a
  // source. Throws io_error.
  void add(Frame frame, const std::vector<datasets::FoundObject>& objects);
  // Completes the files, also after an error. Throws what ended the run, else bad_data if a source
  // could not be read.
  void finish();

  double minimum_score() const;

 private:
  void end_source(const Frame& frame);
  void begin_video(const Frame& frame);
  std::vector<datasets::FoundObject> chosen(const std::vector<datasets::FoundObject>& objects,
                                            const Frame& frame);

  const DetectOptions& options_;
  const std::vector<datasets::Category> categories_;
  const size_t num_sources_;
  std::vector<double> confidences_;  // by label - 1
  std::filesystem::path json_path_;
  std::vector<std::unique_ptr<datasets::ResultsWriter>> writers_;
  std::unique_ptr<datasets::VideoWriter> video_;
  std::optional<datasets::Tracker> tracker_;    // of the current video
  std::optional<datasets::Counters> counters_;  // the same
  ProgressLine progress_{"detect"};
  std::optional<Error> fatal_;
  int64_t image_id_ = 0, detections_ = 0, frames_ = 0;  // frames of the current video
  size_t ended_ = 0, failed_ = 0;
};

}  // namespace lanner::detectors
