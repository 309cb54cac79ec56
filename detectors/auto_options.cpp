#include "lanner/detectors/auto_options.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "lanner/detectors/presets.h"

namespace lanner::detectors {
namespace {

using datasets::to_text;

std::string text(double value) {
  if (value == std::round(value)) return std::to_string(std::llround(value));
  std::ostringstream stream;
  stream << std::setprecision(3) << value;
  return stream.str();
}

std::string pixels(double value) { return std::to_string(std::lround(value)) + " px"; }

double round_to(double value, double step) { return step * std::round(value / step); }

// Quantiles of DataSummary::sides.
enum Side { p2, p10, p50, p90, p98 };

// Limits on cost: the maximum pixels of a resized image, and the target pixels per step.
struct PixelBudget {
  double image_pixels, step_pixels;
};

PixelBudget budget(const Machine& machine) {
  return machine.gpu ? PixelBudget{1.0e6, 6e6} : PixelBudget{0.8e6, 0.5e6};
}

// A backbone's width, the channels of its FPN, and millions of pixels that a CPU core trains on per
// second in bfloat16, measured on two cores with AVX-512 BF16 (docs/results/auto.md).
struct Width {
  int64_t width, fpn_channels;
  double megapixels_per_second;
};
constexpr std::array kWidths{Width{64, 96, 0.5}, Width{32, 48, 1.4}, Width{16, 32, 2.6}};

constexpr double kEnoughSteps = 6000;
// What few whole images get cost AP where there were 800, and gained it at 40 and 200
// (docs/results/few_labels.csv).
constexpr int64_t kFewImages = 400;
constexpr double kUnlimitedMinutes = 60;

// The widest that has time for kEnoughSteps steps of this many pixels; a GPU has, in minutes.
const Width& width_for(const Machine& machine, double minutes, double step_pixels) {
  if (machine.gpu) return kWidths.front();
  const double speed = machine.cores * (machine.bfloat16 ? 1 : 0.5);
  if (minutes == 0) minutes = kUnlimitedMinutes;
  for (const auto& width : kWidths)
    if (60 * minutes * speed * width.megapixels_per_second >= kEnoughSteps * step_pixels / 1e6)
      return width;
  return kWidths.back();
}

// The measured one that is at most as wide.
Width nearest_width(int64_t width) {
  auto nearest = *std::find_if(kWidths.begin(), kWidths.end() - 1,
                               [&](const Width& w) { return w.width <= width; });
  nearest.width = width;
  return nearest;
}

class Chooser {
 public:
  explicit Chooser(const AutoInput& input) : in_(input), budget_(budget(input.machine)) {}

  std::vector<Choice> operator()() {
    choose_image_size();
    choose_batch();
    if (in_.init) {
      take_architecture(*in_.init);
    } else {
      choose_backbone();
      choose_anchors();
      choose_rpn_and_roi_head();
    }
    choose_schedule();
    choose_data_loading();
    return choices_;
  }

 private:
  void choose(const std::string& option, const std::string& value, const std::string& reason) {
    if (!in_.is_given(option)) choices_.push_back({option, value, reason});
  }

  bool has_frozen_norms() const { return in_.backbone && in_.backbone->norm == Norm::frozen_batch; }

  double seen(Side side) const { return in_.data.sides[side] * scale_; }

  // Small objects need enough pixels to be found, typical ones enough to be classified.
  void choose_image_size() {
    const auto& d = in_.data;
    const double to_detect = 24 / std::max(1., d.sides[p10]),
                 to_classify = 80 / std::max(1., d.sides[p50]);
    const double short_side = std::max(1., d.short_side);
    const double long_side = std::max(short_side, d.long_side);
    scale_ = std::max({to_detect, to_classify, 192 / short_side});
    scale_ = std::min({scale_, 1., std::sqrt(budget_.image_pixels / (short_side * long_side))});
    short_ = std::max(32., round_to(short_side * scale_, 8));
    long_ = std::max(short_, round_to(long_side * scale_ + 4, 8));
    const auto& given = in_.options.detector.resize;
    if (in_.is_given("resize.min_size")) {
      short_ = given.min_size;
      long_ = std::max(short_, round_to(short_ * long_side / short_side + 4, 8));
    }
    if (in_.is_given("resize.max_size")) {
      long_ = given.max_size;
      short_ = std::min(short_, long_ * short_side / long_side);
    }
    scale_ = short_ / short_side;
    const std::string reason = "10 % of the objects are under " + pixels(seen(p10)) +
                               ", half are under " + pixels(seen(p50)) + " at this size";
    choose("resize.min_size", text(short_), reason);
    choose("resize.max_size", text(long_),
           "the median image has sides of " + pixels(short_side) + " and " + pixels(long_side));
  }

  void choose_batch() {
    double image_pixels = short_ * long_;
    double crop = std::clamp(round_to(1.25 * seen(p90), 32), 256., 384.);
    if (image_pixels <= 3 * crop * crop) crop = 224;  // for images of 640 x 480
    const bool is_given = in_.is_given("object_crop");
    if (is_given) crop = in_.options.augment.object_crop;
    if (crop > 0 && (is_given || image_pixels > 3 * crop * crop)) {
      choose("object_crop", text(crop),
             "crops allow more steps than whole images in the same time");
      image_pixels = crop * crop;
      is_cropped_ = true;
    }
    batch_ = std::clamp(std::floor(budget_.step_pixels / image_pixels), 4., 16.);
    choose("batch_size", text(batch_),
           "about " + text(budget_.step_pixels / 1e6) + " million pixels per step");
    if (in_.is_given("batch_size")) batch_ = in_.options.loop.batch_size;
    step_pixels_ = std::max(budget_.step_pixels, batch_ * image_pixels);
  }

  // Takes over the architecture of the weights, but not image size, score and NMS thresholds.
  void take_architecture(const DetectorOptions& init) {
    datasets::for_each_field(
        init, [&](const auto& value, const datasets::Field&, const std::string& path) {
          const bool kept = path == "model" || path.starts_with("backbone.") ||
                            path.starts_with("anchors.") || path.starts_with("rpn.") ||
                            path.starts_with("roi.") || path.starts_with("normalization.") ||
                            path == "resize.interpolation" ||
                            (init.model == "diffusion" && is_of_diffusion(path));
          if constexpr (requires { to_text(value); })
            if (kept && !is_chosen_separately(path) && !to_text(value).empty())
              choose(path, to_text(value), "as in the --init weights");
        });
    const bool has_statistics =
        init.backbone.norm == Norm::batch || init.backbone.norm == Norm::frozen_batch;
    choose("backbone.norm", has_statistics ? "frozen_batch" : to_text(init.backbone.norm),
           "keeps the statistics of the --init weights");
    choose("backbone.trainable_stages", "3",
           "the first stages of the --init weights already encode edges and textures");
    const auto [proposals, detections] = counts();
    const auto at_least = [](int64_t value, double other) {
      return text(std::max(static_cast<double>(value), other));
    };
    for (const bool training : {true, false})
      choose(training ? "rpn.post_nms_train" : "rpn.post_nms_test",
             at_least(training ? init.rpn.post_nms_train : init.rpn.post_nms_test, proposals),
             count_reason());
    choose("roi.max_detections", at_least(init.roi.max_detections, detections), count_reason());
  }

  static bool is_of_diffusion(const std::string& path) {
    return path.starts_with("diffusion.") || path == "path" || path == "sampler" ||
           path == "steps" || path == "boxes";
  }

  static bool is_chosen_separately(const std::string& path) {
    return path == "backbone.norm" || path == "backbone.trainable_stages" ||
           path == "roi.score_threshold" || path == "roi.nms_iou" || path == "roi.max_detections" ||
           path.starts_with("rpn.post_nms");
  }

  void choose_backbone() {
    first_stage_ = seen(p10) < 24 ? 1 : 2;
    if (in_.is_given("backbone.fpn_stages") && !in_.options.detector.backbone.fpn_stages.empty())
      first_stage_ = in_.options.detector.backbone.fpn_stages.front();
    auto width = width_for(in_.machine, in_.options.loop.max_minutes, step_pixels_);
    const bool is_given = in_.is_given("backbone.width");
    if (in_.backbone || is_given) {
      const int64_t known =
          in_.backbone ? in_.backbone->width : in_.options.detector.backbone.width;
      width = nearest_width(known);
    }
    if (in_.backbone) {
      choose("backbone.depth", std::to_string(in_.backbone->depth), "as in the --init weights");
      choose("backbone.width", std::to_string(width.width), "as in the --init weights");
      if (in_.backbone->groups != 1 || in_.backbone->group_width != 64) {
        choose("backbone.groups", std::to_string(in_.backbone->groups), "as in the --init weights");
        choose("backbone.group_width", std::to_string(in_.backbone->group_width),
               "as in the --init weights");
      }
      choose("backbone.norm", to_text(in_.backbone->norm), "as in the --init weights");
      if (has_frozen_norms())
        choose("backbone.trainable_stages", "3",
               "the first stages of the --init weights already encode edges and textures");
    } else {
      choose("backbone.depth", "18", "ResNet-18 trains from random weights in minutes");
      choose("backbone.width", std::to_string(width.width),
             "the widest that leaves time for about 6,000 steps");
      choose("backbone.norm", "batch", "suits training from random weights");
    }
    std::string stages;
    for (int stage = first_stage_; stage <= 4; ++stage)
      stages += (stages.empty() ? "" : ",") + std::to_string(stage);
    choose(
        "backbone.fpn_stages", stages,
        first_stage_ == 1 ? "starts at stride 4, for objects under 24 px" : "starts at stride 8");
    choose("backbone.fpn_channels", std::to_string(width.fpn_channels), "as wide as the backbone");
    choose("backbone.fpn_pool", "false", "the other levels hold all anchor sizes");
    levels_ = 5 - first_stage_;
    const auto& given = in_.options.detector.backbone;
    if (in_.is_given("backbone.fpn_stages"))
      levels_ = static_cast<int>(std::max<size_t>(1, given.fpn_stages.size()));
    if (in_.is_given("backbone.fpn_pool")) levels_ += given.fpn_pool;
    if (in_.is_given("backbone.neck") && given.neck != Neck::fpn) levels_ = 1;
  }

  // Geometrically spaced sizes from the smallest objects to the largest, two per level.
  void choose_anchors() {
    const int per_level = levels_ == 1 ? 6 : 2, count = per_level * levels_;
    double low = std::max(4., 1.1 * seen(p2)), high = std::max(low, 0.9 * seen(p98));
    const double middle = std::sqrt(low * high), ratio = std::pow(1.25, (count - 1) / 2.);
    low = std::min(low, middle / ratio), high = std::max(high, middle * ratio);
    std::string sizes;
    for (int i = 0; i < count; ++i)
      sizes += (i == 0          ? ""
                : i % per_level ? ","
                                : ";") +
               text(std::round(low * std::pow(high / low, i / (count - 1.))));
    choose("anchors.sizes", sizes, "from the smallest objects to the largest");
    const auto [low_ratio, high_ratio] = in_.data.ratios;
    // A square anchor has an IoU of 0.5 with boxes up to twice as long as they are wide.
    std::string ratios = "1";
    if (low_ratio < 0.45 || high_ratio > 2.2) {
      const double first = 1.3 * low_ratio, last = std::max(first, high_ratio / 1.3);
      const double between = first < 1 && last > 1 ? 1 : std::sqrt(first * last);
      ratios = last < 1.3 * first ? text(std::sqrt(low_ratio * high_ratio))
                                  : text(first) + "," + text(between) + "," + text(last);
    }
    choose("anchors.ratios", ratios,
           "height / width of the objects is " + text(low_ratio) + " to " + text(high_ratio));
  }

  // Proposals and detections per image.
  std::pair<double, double> counts() const {
    const double objects = std::max(1., in_.data.objects_per_image);
    return {std::clamp(round_to(5 * objects, 50), 250., 2000.),
            std::max(100., round_to(1.5 * objects, 50))};
  }

  std::string count_reason() const {
    return "up to " + text(std::max(1., in_.data.objects_per_image)) + " objects per image";
  }

  void choose_rpn_and_roi_head() {
    const auto [proposals, detections] = counts();
    const auto reason = count_reason();
    for (const char* option : {"rpn.post_nms_train", "rpn.post_nms_test"})
      choose(option, text(proposals), reason);
    for (const char* option : {"rpn.pre_nms_train", "rpn.pre_nms_test"})
      choose(option, text(2 * proposals), "twice the proposals that are kept");
    choose("rpn.sampled_anchors", "128", "small enough for a few CPU cores");
    choose("roi.sampled_rois", "96", "small enough for a few CPU cores");
    choose("roi.head_width", "256", "small enough for a few CPU cores");
    choose("roi.max_detections", text(detections), reason);
  }

  void choose_schedule() {
    choose("optimizer", "sgd", "with momentum");
    const double lr = in_.init || has_frozen_norms() ? 0.005 : 0.02;
    choose("lr", text(lr * std::sqrt(batch_ / 4)),
           text(lr) + " for a batch of 4, scaled with the square root of the batch size");
    choose("weight_decay", "0.0005", "reduces overfitting to few images");
    choose("schedule", "cosine", "fitted to the minutes or steps");
    choose("warmup_steps", "100", "keeps the first steps stable");
    choose("clip_norm", "10", "limits occasional large gradients");
    choose("ema_decay", "0.998", "averages the last 500 steps");
    const double minutes = in_.options.loop.max_minutes;
    if (minutes > 0)
      choose("epochs", "100000", "--max-minutes ends the run");
    else if (!in_.is_given("epochs"))
      choose("max_steps", text(kEnoughSteps), "enough from random weights");
    choose("evaluations", minutes > 0 && minutes < 10 ? "3" : "5",
           "evaluation time does not count as training time");
  }

  void choose_data_loading() {
    const auto& d = in_.data;
    choose("horizontal_flip", d.mirroring_changes_classes ? "0" : "0.5",
           d.mirroring_changes_classes
               ? "class names tell left from right, or are letters and digits"
               : "mirrored images show the same classes");
    choose("scale_jitter", "0.2", "more variety");
    if (d.images > kFewImages || is_cropped_) {
      choose("color_jitter", "0.3", "more variety");
    } else {
      const std::string reason = "few whole images would be learned by heart";
      choose("color_jitter", "0.5", reason);
      choose("mosaic", "0.5", reason);
      choose("cutout", "0.5", reason);
    }
    const double gigabytes = static_cast<double>(d.images) * d.short_side * d.long_side * 3 / 1e9;
    choose(
        "image_cache",
        text(std::min(std::ceil(gigabytes * 10) / 10, std::floor(in_.machine.memory * 2.5) / 10)),
        "GB of decoded images, at most a quarter of the memory");
    choose("workers", std::to_string(std::clamp(in_.machine.cores, 1, 16)), "one for each core");
    choose("amp", in_.machine.bfloat16 || in_.machine.gpu ? "true" : "false",
           in_.machine.bfloat16 || in_.machine.gpu ? "the machine computes in bfloat16"
                                                   : "the machine has no bfloat16");
  }

  const AutoInput& in_;
  const PixelBudget budget_;
  double scale_ = 1, short_ = 0, long_ = 0;  // of the images
  double batch_ = 4, step_pixels_ = 0;
  bool is_cropped_ = false;
  int first_stage_ = 2, levels_ = 3;
  std::vector<Choice> choices_;
};

}  // namespace

int64_t auto_fpn_channels(int64_t width) { return nearest_width(width).fpn_channels; }

std::vector<Choice> choose_options(const AutoInput& input) { return Chooser(input)(); }

}  // namespace lanner::detectors
