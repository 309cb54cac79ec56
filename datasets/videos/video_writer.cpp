#include "lanner/datasets/videos/video_writer.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/videos/ffmpeg.h"

namespace lanner::datasets {
namespace {

constexpr AVRational kTick{1, 90'000};  // of the times of frames
constexpr double kFragmentSeconds = 2;

// `rgb` at the given size, and with even sides.
cv::Mat fitted(const cv::Mat& rgb, cv::Size size) {
  cv::Mat scaled = rgb, even;
  if (rgb.size() != size) cv::resize(rgb, scaled, size, 0, 0, cv::INTER_AREA);
  if (size.width % 2 == 0 && size.height % 2 == 0) return scaled;
  cv::copyMakeBorder(scaled, even, 0, size.height % 2, 0, size.width % 2, cv::BORDER_REPLICATE);
  return even;
}

}  // namespace

class VideoWriter::File {
 public:
  File(const std::filesystem::path& file, double rate, cv::Size size, const SoundStream& sound)
      : name_(file.string()), rate_(rate), size_(size), source_sound_(sound) {
    silence_ffmpeg();
    check(avformat_alloc_output_context2(&context_, nullptr, "mp4", name_.c_str()));
    try {
      open();
    } catch (...) {
      close();
      throw;
    }
  }
  File(const File&) = delete;
  ~File() { close(); }

  void write(const VideoFrame& frame) {
    if (!start_) start_ = frame.seconds;
    for (const auto& packet : frame.sound) write_sound(*packet);
    const auto image = fitted(frame.rgb, size_);
    check(av_frame_make_writable(picture_.get()));
    const uint8_t* planes[4] = {image.data};
    const int strides[4] = {static_cast<int>(image.step)};
    sws_scale(scaler_.get(), planes, strides, 0, image.rows, picture_->data, picture_->linesize);
    const auto time = std::llround((frame.seconds - *start_) * kTick.den);
    picture_->pts = last_time_ = std::max<int64_t>(last_time_ + 1, time);
    check(avcodec_send_frame(encoder_.get(), picture_.get()));
    write_packets();
  }

  void finish(const Sound& rest) {
    if (finished_) return;
    finished_ = true;
    for (const auto& packet : rest) write_sound(*packet);
    check(avcodec_send_frame(encoder_.get(), nullptr));
    write_packets();
    check(av_write_trailer(context_));
    avio_flush(context_->pb);
    check(context_->pb->error);
    check(avio_closep(&context_->pb));
  }

  std::optional<std::string> note;

 private:
  void open() {
    context_->flags |= AVFMT_FLAG_FLUSH_PACKETS;
    const AVCodec* codec = avcodec_find_encoder_by_name("libx264");
    if (!codec) codec = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    encoder_.reset(avcodec_alloc_context3(codec));
    encoder_->width = size_.width + size_.width % 2;
    encoder_->height = size_.height + size_.height % 2;
    encoder_->pix_fmt = AV_PIX_FMT_YUV420P;
    encoder_->colorspace = AVCOL_SPC_SMPTE170M;
    encoder_->color_range = AVCOL_RANGE_MPEG;
    encoder_->time_base = kTick;
    encoder_->framerate = av_d2q(rate_, 100'000);
    encoder_->gop_size = std::max(1, static_cast<int>(std::lround(kFragmentSeconds * rate_)));
    encoder_->max_b_frames = 0;
    encoder_->thread_count = 1;
    encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary* options = nullptr;
    av_dict_set(&options, "preset", "veryfast", 0);
    av_dict_set(&options, "crf", "20", 0);
    const int opened = avcodec_open2(encoder_.get(), codec, &options);
    av_dict_free(&options);
    check(opened);

    video_ = avformat_new_stream(context_, nullptr);
    video_->time_base = kTick;
    video_->avg_frame_rate = encoder_->framerate;
    avcodec_parameters_from_context(video_->codecpar, encoder_.get());
    add_sound();

    check(avio_open(&context_->pb, name_.c_str(), AVIO_FLAG_WRITE));
    av_dict_set(&options, "movflags", "frag_keyframe+empty_moov+default_base_moof", 0);
    const int written = avformat_write_header(context_, &options);
    av_dict_free(&options);
    check(written);

    picture_->format = AV_PIX_FMT_YUV420P;
    picture_->width = encoder_->width;
    picture_->height = encoder_->height;
    check(av_frame_get_buffer(picture_.get(), 0));
    scaler_.reset(sws_getContext(encoder_->width, encoder_->height, AV_PIX_FMT_RGB24,
                                 encoder_->width, encoder_->height, AV_PIX_FMT_YUV420P,
                                 SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  }

  void add_sound() {
    const auto& parameters = source_sound_.parameters;
    if (!parameters) return;
    if (avformat_query_codec(context_->oformat, parameters->codec_id, FF_COMPLIANCE_NORMAL) != 1) {
      note = std::string("MP4 cannot hold the sound (") + avcodec_get_name(parameters->codec_id) +
             "): left out";
      return;
    }
    sound_ = avformat_new_stream(context_, nullptr);
    avcodec_parameters_copy(sound_->codecpar, parameters.get());
    sound_->codecpar->codec_tag = 0;
    sound_->time_base = {1, std::max(1, parameters->sample_rate)};
  }

  // Sound from before the first frame is left out.
  void write_sound(const AVPacket& packet) {
    if (!sound_ || !start_) return;
    FfmpegPtr<AVPacket> copy(av_packet_clone(&packet));
    const auto time = [&](int64_t ticks) {
      const double seconds =
          double(ticks) * source_sound_.seconds_per_tick - source_sound_.start - *start_;
      return std::llround(seconds / av_q2d(sound_->time_base));
    };
    if (copy->pts == AV_NOPTS_VALUE) copy->pts = copy->dts;
    if (copy->pts == AV_NOPTS_VALUE) return;
    copy->pts = time(copy->pts);
    copy->dts = copy->dts == AV_NOPTS_VALUE ? copy->pts : time(copy->dts);
    if (copy->pts < 0 || copy->dts <= last_sound_) return;
    last_sound_ = copy->dts;
    copy->duration = std::llround(double(copy->duration) * source_sound_.seconds_per_tick /
                                  av_q2d(sound_->time_base));
    copy->stream_index = sound_->index;
    copy->pos = -1;
    check(av_interleaved_write_frame(context_, copy.get()));
  }

  void write_packets() {
    while (true) {
      const int code = avcodec_receive_packet(encoder_.get(), packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      check(code);
      packet_->duration = std::llround(kTick.den / rate_);
      av_packet_rescale_ts(packet_.get(), kTick, video_->time_base);
      packet_->stream_index = video_->index;
      check(av_interleaved_write_frame(context_, packet_.get()));
      check(context_->pb->error);
    }
  }

  void check(int code) const {
    if (code < 0) throw io_error(name_ + ": cannot be written: " + ffmpeg_reason(code));
  }

  void close() {
    if (context_) avio_closep(&context_->pb);
    avformat_free_context(context_);
    context_ = nullptr;
  }

  const std::string name_;
  const double rate_;
  const cv::Size size_;
  const SoundStream source_sound_;
  AVFormatContext* context_ = nullptr;
  AVStream *video_ = nullptr, *sound_ = nullptr;
  FfmpegPtr<AVCodecContext> encoder_;
  FfmpegPtr<AVFrame> picture_{av_frame_alloc()};
  FfmpegPtr<AVPacket> packet_{av_packet_alloc()};
  FfmpegPtr<SwsContext> scaler_;
  int64_t last_time_ = -1, last_sound_ = INT64_MIN;
  std::optional<double> start_;  // seconds of the first frame, where the file begins
  bool finished_ = false;
};

VideoWriter::VideoWriter(const std::filesystem::path& file, double frames_per_second, cv::Size size,
                         const SoundStream& sound)
    : file_(std::make_unique<File>(file, frames_per_second, size, sound)) {}

VideoWriter::~VideoWriter() {
  try {
    file_->finish({});
  } catch (const Error&) {  // the caller has seen the first one
  }
}

void VideoWriter::write(const VideoFrame& frame) { file_->write(frame); }
void VideoWriter::finish(const Sound& rest) { file_->finish(rest); }
const std::optional<std::string>& VideoWriter::note() const { return file_->note; }

}  // namespace lanner::datasets
