#include "lanner/datasets/videos/video_reader.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <opencv2/core.hpp>
#include <thread>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image_files.h"
#include "lanner/datasets/videos/ffmpeg.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

// The device file of a camera, given as such or by its number; empty for other sources.
std::string camera_device(const std::string& source) {
  if (source.starts_with("/dev/video")) return source;
  const bool number =
      !source.empty() && source.size() < 3 && !fs::exists(source) &&
      std::all_of(source.begin(), source.end(), [](unsigned char c) { return std::isdigit(c); });
  return number ? "/dev/video" + source : "";
}

// An open source. Blocking calls end after `timeout` seconds without data, and when stop() is true.
class Input {
 public:
  Input(const std::string& source, double timeout, std::function<bool()> stop)
      : timeout_(timeout), stop_(std::move(stop)) {
    silence_ffmpeg();
    context_ = avformat_alloc_context();
    context_->interrupt_callback = {
        [](void* self) -> int { return static_cast<Input*>(self)->expired(); }, this};
    const AVInputFormat* format = nullptr;
    const std::string camera = camera_device(source);
    if (!camera.empty()) {
      avdevice_register_all();
      format = av_find_input_format("v4l2");
    }
    const std::string url = !camera.empty() ? camera : source == "-" ? "pipe:0" : source;
    begin();
    int code = avformat_open_input(&context_, url.c_str(), format, nullptr);  // frees it on failure
    if (code == 0) code = avformat_find_stream_info(context_, nullptr);
    if (code >= 0) return;
    avformat_close_input(&context_);
    if (code == AVERROR_EXIT) throw stalled(source);
    if (code == AVERROR(ENOENT)) throw missing_file(source + ": no such file");
    const bool remote = !camera.empty() || is_address(source);
    throw Error(remote ? ExitCode::io : ExitCode::bad_data,
                source + ": video: cannot be opened: " + ffmpeg_reason(code));
  }
  Input(const Input&) = delete;
  ~Input() { avformat_close_input(&context_); }

  AVFormatContext* operator->() const { return context_; }
  AVFormatContext* get() const { return context_; }
  bool stopped() const { return stop_ && stop_(); }
  Error stalled(const std::string& source) const {
    return io_error(source + ": video: nothing arrived for " + std::to_string(int(timeout_)) +
                    " seconds");
  }
  // Begins the time of a call.
  void begin() {
    deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(timeout_));
  }

 private:
  bool expired() const { return stopped() || Clock::now() > deadline_; }

  const double timeout_;
  const std::function<bool()> stop_;
  Clock::time_point deadline_;
  AVFormatContext* context_ = nullptr;
};

// A stream that is a film, as opposed to the cover of an album.
int find_film(const Input& input) {
  const int index = av_find_best_stream(input.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  const bool film =
      index >= 0 && !(input->streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC);
  return film ? index : -1;
}

// How a frame is turned and mirrored to be upright: the columns of the display matrix, each -1, 0
// or 1, after rounding to quarter turns.
struct Orientation {
  int a = 1, b = 0, c = 0, d = 1;

  static Orientation of(const AVStream& stream) {
    const auto* bytes = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
    if (!bytes) return {};
    const auto* m = reinterpret_cast<const int32_t*>(bytes);
    const auto unit = [](int32_t value, int32_t other) {
      return std::abs(double(value)) <= std::abs(double(other)) ? 0 : value > 0 ? 1 : -1;
    };
    const Orientation o{unit(m[0], m[1]), unit(m[1], m[0]), unit(m[3], m[4]), unit(m[4], m[3])};
    return o.a * o.d - o.b * o.c == 0 ? Orientation{} : o;
  }

  // The matrix maps a stored x, y to a x + c y, b x + d y.
  cv::Mat apply(const cv::Mat& image) const {
    cv::Mat out = image;
    const bool transposed = a == 0;
    if (transposed) cv::transpose(image, out);
    const bool flip_x = transposed ? c < 0 : a < 0, flip_y = transposed ? b < 0 : d < 0;
    if (!flip_x && !flip_y) return out;
    cv::Mat flipped;
    cv::flip(out, flipped, flip_x && flip_y ? -1 : flip_x ? 1 : 0);
    return flipped;
  }
};

// Converts frames of any size and pixel format to RGB, by the color space that they name.
class ToRgb {
 public:
  cv::Mat operator()(const AVFrame& frame) {
    const Kind kind{frame.width, frame.height, frame.format, frame.colorspace,
                    is_full_range(frame)};
    if (kind != kind_ || !scaler_) make_scaler(kind);
    cv::Mat rgb(frame.height, frame.width, CV_8UC3);
    uint8_t* planes[4] = {rgb.data};
    const int strides[4] = {static_cast<int>(rgb.step)};
    sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes, strides);
    return rgb;
  }

 private:
  struct Kind {
    int width = 0, height = 0, format = 0, space = 0;
    bool full_range = false;
    bool operator==(const Kind&) const = default;
  };

  static bool is_full_range(const AVFrame& frame) {
    return frame.color_range == AVCOL_RANGE_JPEG || frame.format == AV_PIX_FMT_YUVJ420P ||
           frame.format == AV_PIX_FMT_YUVJ422P || frame.format == AV_PIX_FMT_YUVJ444P;
  }

  void make_scaler(const Kind& kind) {
    kind_ = kind;
    scaler_.reset(sws_getContext(kind.width, kind.height, AVPixelFormat(kind.format), kind.width,
                                 kind.height, AV_PIX_FMT_RGB24,
                                 SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nullptr,
                                 nullptr, nullptr));
    if (!scaler_) throw bad_data("video: pixel format that cannot be converted");
    const int* table =
        sws_getCoefficients(kind.space == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : kind.space);
    sws_setColorspaceDetails(scaler_.get(), table, kind.full_range, table, 1, 0, 1 << 16, 1 << 16);
  }

  Kind kind_;
  FfmpegPtr<SwsContext> scaler_;
};

}  // namespace

bool is_address(const std::string& source) { return source.find("://") != std::string::npos; }

bool is_video(const std::string& source) {
  if (!camera_device(source).empty() || is_address(source) || source == "-") return true;
  std::error_code none;
  const auto status = fs::status(source, none);
  if (fs::is_character_file(status) || fs::is_fifo(status)) return true;
  if (!fs::is_regular_file(status) || is_image_name(source)) return false;
  try {
    const Input input(source, 60, {});
    const std::string format = input->iformat->name;
    // FFmpeg also takes pictures and texts for films of one frame.
    const bool still = format.starts_with("image2") || format.ends_with("_pipe") ||
                       format == "gif" || format == "tty" || format == "alias_pix";
    return !still && find_film(input) >= 0;
  } catch (const Error&) {
    return false;
  }
}

class VideoReader::State {
 public:
  State(const std::string& source, const VideoOptions& options)
      : source_(source), options_(options), input_(source, options.timeout, options.stop) {
    const int film = find_film(input_);
    if (film < 0) throw bad_data(source + ": video: holds no video");
    stream_ = input_->streams[film];
    const AVCodec* codec = avcodec_find_decoder(stream_->codecpar->codec_id);
    if (!codec)
      throw bad_data(source + ": video: no decoder for " +
                     avcodec_get_name(stream_->codecpar->codec_id));
    decoder_.reset(avcodec_alloc_context3(codec));
    avcodec_parameters_to_context(decoder_.get(), stream_->codecpar);
    decoder_->pkt_timebase = stream_->time_base;
    decoder_->thread_count = 1;  // the others are the network's
    if (const int code = avcodec_open2(decoder_.get(), codec, nullptr); code < 0)
      throw bad_data(source + ": video: cannot be decoded: " + ffmpeg_reason(code));
    const int sound = av_find_best_stream(input_.get(), AVMEDIA_TYPE_AUDIO, -1, film, nullptr, 0);
    for (unsigned i = 0; i < input_->nb_streams; ++i)
      if (int(i) == sound && options.sound)
        sound_ = input_->streams[i];
      else if (int(i) != film)
        input_->streams[i]->discard = AVDISCARD_ALL;
    orientation_ = Orientation::of(*stream_);
    tick_ = av_q2d(stream_->time_base);
    if (stream_->start_time != AV_NOPTS_VALUE) first_ = double(stream_->start_time) * tick_;
    if (options.start > kSecondsBefore) seek();
  }

  bool next(VideoFrame& frame) {
    frame.sound.clear();
    while (receive()) {
      const double seconds = time_of(*decoded_);
      const int64_t index = index_++;
      if (options_.end > 0 && seconds >= options_.end) break;
      if (seconds < options_.start - 1e-9 || (index - first_index_) % options_.every != 0) {
        if (seconds < options_.start - 1e-9) first_index_ = index_;
        continue;
      }
      frame.rgb = orientation_.apply(to_rgb_(*decoded_));
      frame.seconds = seconds;
      frame.index = index;
      frame.sound = std::move(pending_sound_);
      pending_sound_.clear();
      return true;
    }
    frame.sound = std::move(pending_sound_);
    pending_sound_.clear();
    return false;
  }

  double frames_per_second() const {
    const double rate = av_q2d(av_guess_frame_rate(input_.get(), stream_, nullptr));
    return rate > 0 && rate < 1000 ? rate : 25;
  }

  int64_t frames() const {
    if (stream_->nb_frames > 0) return stream_->nb_frames;
    if (input_->duration <= 0) return 0;
    return std::llround(double(input_->duration) / AV_TIME_BASE * frames_per_second());
  }

  SoundStream sound() const {
    if (!sound_) return {};
    std::shared_ptr<AVCodecParameters> parameters(avcodec_parameters_alloc(), FreeFfmpeg());
    avcodec_parameters_copy(parameters.get(), sound_->codecpar);
    return {parameters, av_q2d(sound_->time_base), first_};
  }

  std::vector<std::string> faults() const {
    std::vector<std::string> faults;
    if (damaged_ > 0)
      faults.push_back(std::to_string(damaged_) + " of " + std::to_string(packets_) +
                       " packets are damaged and were passed over");
    if (concealed_ > 0)
      faults.push_back(std::to_string(concealed_) + " frames are damaged in part");
    const bool early = at_end_ && options_.start == 0 && packets_ < stream_->nb_frames;
    if (early || !read_error_.empty())
      faults.push_back("the video ends early" +
                       (early ? ", after " + std::to_string(index_) + " of " +
                                    std::to_string(stream_->nb_frames) + " frames"
                              : "") +
                       (read_error_.empty() ? "" : ": " + read_error_));
    return faults;
  }

 private:
  // Frames from there to the start are decoded and left out: the first ones may refer to others.
  void seek() {
    const auto target =
        static_cast<int64_t>((first_ + options_.start - kSecondsBefore) * AV_TIME_BASE);
    input_.begin();
    if (avformat_seek_file(input_.get(), -1, INT64_MIN, target, target, 0) < 0)
      return;  // all are decoded
    seeking_ = true;
  }

  // Decodes the next frame into decoded_; false at the end.
  bool receive() {
    while (!input_.stopped()) {
      const int code = avcodec_receive_frame(decoder_.get(), decoded_.get());
      if (code == 0) {
        concealed_ +=
            decoded_->decode_error_flags != 0 || (decoded_->flags & AV_FRAME_FLAG_CORRUPT);
        return true;
      }
      if (code == AVERROR_EOF) return false;
      if (code != AVERROR(EAGAIN)) {
        ++damaged_;
        continue;
      }
      send();
    }
    return false;
  }

  // Gives the decoder its next packet, or tells it that there is none.
  void send() {
    while (!input_.stopped()) {
      av_packet_unref(packet_.get());
      input_.begin();
      const int code = av_read_frame(input_.get(), packet_.get());
      if (code == AVERROR(EAGAIN)) {  // a camera that is not ready
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        continue;
      }
      if (code == AVERROR_EXIT) {
        if (input_.stopped()) return;
        throw input_.stalled(source_);
      }
      if (code < 0) {
        if (code != AVERROR_EOF && ++read_errors_ < kMaxReadErrors) continue;
        if (code != AVERROR_EOF) read_error_ = ffmpeg_reason(code);
        at_end_ = true;
        avcodec_send_packet(decoder_.get(), nullptr);
        return;
      }
      if (sound_ && packet_->stream_index == sound_->index)
        pending_sound_.emplace_back(av_packet_clone(packet_.get()), FreeFfmpeg());
      if (packet_->stream_index != stream_->index) continue;
      ++packets_;
      if (avcodec_send_packet(decoder_.get(), packet_.get()) < 0) ++damaged_;
      return;
    }
  }

  // Seconds since the start of the video. Frames without a time follow at the frame rate.
  double time_of(const AVFrame& frame) {
    const double step = 1 / frames_per_second();
    const double seconds = frame.best_effort_timestamp == AV_NOPTS_VALUE
                               ? last_ + step
                               : double(frame.best_effort_timestamp) * tick_ - first_;
    if (seeking_) index_ = first_index_ = std::llround(seconds / step), seeking_ = false;
    return last_ = seconds;
  }

  static constexpr int kMaxReadErrors = 100;
  static constexpr double kSecondsBefore = 10;  // a group of pictures is rarely longer

  const std::string source_;
  const VideoOptions options_;
  Input input_;
  AVStream* stream_ = nullptr;
  AVStream* sound_ = nullptr;
  FfmpegPtr<AVCodecContext> decoder_;
  FfmpegPtr<AVPacket> packet_{av_packet_alloc()};
  FfmpegPtr<AVFrame> decoded_{av_frame_alloc()};
  Orientation orientation_;
  ToRgb to_rgb_;
  Sound pending_sound_;
  double tick_ = 0, first_ = 0, last_ = 0;
  int64_t index_ = 0, first_index_ = 0, packets_ = 0, damaged_ = 0, concealed_ = 0;
  int read_errors_ = 0;
  bool seeking_ = false, at_end_ = false;
  std::string read_error_;
};

VideoReader::VideoReader(const std::string& source, const VideoOptions& options)
    : state_(std::make_unique<State>(source, options)) {}
VideoReader::~VideoReader() = default;
bool VideoReader::next(VideoFrame& frame) { return state_->next(frame); }
double VideoReader::frames_per_second() const { return state_->frames_per_second(); }
int64_t VideoReader::frames() const { return state_->frames(); }
SoundStream VideoReader::sound() const { return state_->sound(); }
std::vector<std::string> VideoReader::faults() const { return state_->faults(); }

}  // namespace lanner::datasets
