#include "lanner/detectors/inference/frames.h"

#include "lanner/datasets/images/image.h"

namespace lanner::detectors {

FrameReader::FrameReader(const std::vector<Source>& sources, const DetectOptions& options,
                         const std::function<bool()>& stop)
    : sources_(sources),
      options_(options),
      stop_(stop),
      queue_(static_cast<size_t>(2 * options.batch_size + 1)),
      thread_([this] { read_all(); }) {}

FrameReader::~FrameReader() {
  queue_.close();
  thread_.join();
}

void FrameReader::read_all() {
  for (const auto& source : sources_) {
    if (stop_()) break;
    Frame end{.source = &source, .is_end = true};
    try {
      source.is_video ? read_video(source) : read_image(source);
    } catch (const Error& error) {
      end.error = error;
      queue_.push(std::move(end));
    } catch (const std::exception& error) {
      end.error = Error(ExitCode::internal, source.input + ": " + error.what());
      queue_.push(std::move(end));
    }
  }
  queue_.close();
}

void FrameReader::read_image(const Source& source) {
  Frame frame{.source = &source};
  frame.image.rgb = datasets::read_image(source.input).rgb;
  if (queue_.push(std::move(frame))) queue_.push({.source = &source, .is_end = true});
}

void FrameReader::read_video(const Source& source) {
  datasets::VideoReader reader(source.input, {.start = options_.clip.start,
                                              .end = options_.clip.end,
                                              .every = static_cast<int>(options_.clip.every),
                                              .sound = options_.save_video,
                                              .stop = stop_});
  const auto facts = std::make_shared<const VideoFacts>(
      VideoFacts{reader.frames_per_second(), reader.frames(), reader.sound()});
  int64_t count = 0;
  while (true) {
    Frame frame{.source = &source, .video = facts};
    frame.is_end = !reader.next(frame.image);
    if (frame.is_end) frame.faults = reader.faults();
    if (frame.is_end && count == 0 && !stop_())
      frame.error = bad_data(source.input + ": video: contains no frame that can be decoded");
    const bool end = frame.is_end;
    if (!queue_.push(std::move(frame)) || end) return;
    ++count;
  }
}

}  // namespace lanner::detectors
