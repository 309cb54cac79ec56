#include "lanner/detectors/auto_options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <thread>

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

// A width pays off if the run has time for this many pixels: 6,000 steps of half a megapixel.
constexpr double kEnoughMegapixels = 3000;
constexpr double kUnlimitedMinutes = 60;

const Width& width_for(const Machine& machine, double minutes) {
  const double speed = machine.gpu ? 100. : machine.cores * (machine.bfloat16 ? 1 : 0.5);
  if (minutes == 0) minutes = kUnlimitedMinutes;
  for (const auto& width : kWidths)
    if (60 * minutes * speed * width.megapixels_per_second >= kEnoughMegapixels) return width;
  return kWidths.back();
}

class Chooser {
 public:
  explicit Chooser(const AutoInput& input) : in_(input), budget_(budget(input.machine)) {}

  std::vector<Choice> operator()() {
    choose_image_size();
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
    choices_.push_back({option, value, reason});
  }

  bool has_frozen_norms() const { return in_.backbone && in_.backbone->norm == Norm::frozen_batch; }

  double seen(Side side) const { return in_.data.sides[side] * scale_; }

  // Small objects need enough pixels to be found, typical ones enough to be classified.
  void choose_image_size() {
    const auto& d = in_.data;
    const double to_detect = 24 / std::max(1., d.sides[p10]),
                 to_classify = 80 / std::max(1., d.sides[p50]);
    const double short_side = std::max(1., std::min(d.width, d.height));
    const double long_side = std::max({1., d.width, d.height});
    scale_ = std::max({to_detect, to_classify, 192 / short_side});
    scale_ = std::min({scale_, 1., std::sqrt(budget_.image_pixels / (short_side * long_side))});
    short_ = std::max(32., round_to(short_side * scale_, 8));
    long_ = std::max(short_, round_to(long_side * scale_ + 4, 8));
    scale_ = short_ / short_side;
    const std::string reason = "10 % of the objects are under " + pixels(seen(p10)) +
                               ", half are under " + pixels(seen(p50)) + " at this size";
    choose("resize.min_size", text(short_), reason);
    choose("resize.max_size", text(long_),
           "the median image is " + pixels(d.width) + " x " + pixels(d.height));
  }

  // Takes over the architecture of the weights, but not image size, score and NMS thresholds.
  void take_architecture(const DetectorOptions& init) {
    datasets::for_each_field(
        init, [&](const auto& value, const datasets::Field&, const std::string& path) {
          const bool kept = path == "model" || path.starts_with("backbone.") ||
                            path.starts_with("anchors.") || path.starts_with("rpn.") ||
                            path.starts_with("roi.") || path.starts_with("normalization.") ||
                            path == "resize.interpolation";
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
  }

  static bool is_chosen_separately(const std::string& path) {
    return path == "backbone.norm" || path == "backbone.trainable_stages" ||
           path == "roi.score_threshold" || path == "roi.nms_iou" || path == "roi.max_detections";
  }

  void choose_backbone() {
    first_stage_ = seen(p10) < 24 ? 1 : 2;
    auto width = width_for(in_.machine, in_.max_minutes);
    if (in_.backbone) {
      width = *std::find_if(kWidths.begin(), kWidths.end() - 1,
                            [&](const Width& w) { return w.width <= in_.backbone->width; });
      width.width = in_.backbone->width;
      choose("backbone.depth", std::to_string(in_.backbone->depth), "as in the --init weights");
      choose("backbone.width", std::to_string(width.width), "as in the --init weights");
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
  }

  // Geometrically spaced sizes from the smallest objects to the largest, two per level.
  void choose_anchors() {
    const int levels = 5 - first_stage_, count = 2 * levels;
    double low = std::max(4., 1.1 * seen(p2)), high = std::max(low, 0.9 * seen(p98));
    const double middle = std::sqrt(low * high), ratio = std::pow(1.25, (count - 1) / 2.);
    low = std::min(low, middle / ratio), high = std::max(high, middle * ratio);
    std::string sizes;
    for (int i = 0; i < count; ++i)
      sizes += (i == 0  ? ""
                : i % 2 ? ","
                        : ";") +
               text(std::round(low * std::pow(high / low, i / (count - 1.))));
    choose("anchors.sizes", sizes, "from the smallest objects to the largest");
    const auto [low_ratio, high_ratio] = in_.data.ratios;
    // A square anchor has an IoU of 0.5 with boxes up to twice as long as they are wide.
    std::string ratios = "1";
    if (low_ratio < 0.45 || high_ratio > 2.2) {
      const double first = 1.3 * low_ratio, last = std::max(first, high_ratio / 1.3);
      const double between = first < 1 && last > 1 ? 1 : std::sqrt(first * last);
      ratios = text(first) + "," + text(between) + "," + text(last);
    }
    choose("anchors.ratios", ratios,
           "height / width of the objects is " + text(low_ratio) + " to " + text(high_ratio));
  }

  void choose_rpn_and_roi_head() {
    const double objects = std::max(1., in_.data.objects_per_image);
    const double proposals = std::clamp(round_to(5 * objects, 50), 250., 2000.);
    const std::string reason = "up to " + text(objects) + " objects per image";
    for (const char* option : {"rpn.post_nms_train", "rpn.post_nms_test"})
      choose(option, text(proposals), reason);
    for (const char* option : {"rpn.pre_nms_train", "rpn.pre_nms_test"})
      choose(option, text(2 * proposals), "twice the proposals that are kept");
    choose("rpn.sampled_anchors", "128", "small enough for a few CPU cores");
    choose("roi.sampled_rois", "96", "small enough for a few CPU cores");
    choose("roi.head_width", "256", "small enough for a few CPU cores");
    choose("roi.max_detections", text(std::max(100., round_to(1.5 * objects, 50))), reason);
  }

  void choose_schedule() {
    double image_pixels = short_ * long_;
    const double crop = std::clamp(round_to(1.25 * seen(p90), 32), 256., 384.);
    if (image_pixels > 3 * crop * crop) {
      choose("object_crop", text(crop),
             "crops allow more steps than whole images in the same time");
      image_pixels = crop * crop;
    }
    const double batch = std::clamp(std::floor(budget_.step_pixels / image_pixels), 4., 16.);
    choose("batch_size", text(batch),
           "about " + text(budget_.step_pixels / 1e6) + " million pixels per step");
    choose("optimizer", "sgd", "with momentum");
    const double lr = in_.init || has_frozen_norms() ? 0.005 : 0.02;
    choose("lr", text(lr * std::sqrt(batch / 4)),
           text(lr) + " for a batch of 4, scaled with the square root of the batch size");
    choose("weight_decay", "0.0005", "reduces overfitting to few images");
    choose("schedule", "cosine", "fitted to the minutes or epochs");
    choose("warmup_steps", "100", "keeps the first steps stable");
    choose("clip_norm", "10", "limits occasional large gradients");
    choose("ema_decay", "0.998", "averages the last 500 steps");
    const double images = std::max<double>(1, static_cast<double>(in_.data.images));
    if (in_.max_minutes > 0)
      choose("epochs", "100000", "--max-minutes ends the run");
    else
      choose("epochs", text(std::ceil(6000 * batch / images)), "6,000 steps");
    choose("evaluations", in_.max_minutes > 0 && in_.max_minutes < 10 ? "3" : "5",
           "evaluation time does not count as training time");
  }

  void choose_data_loading() {
    const auto& d = in_.data;
    choose("horizontal_flip", d.mirroring_changes_classes ? "0" : "0.5",
           d.mirroring_changes_classes
               ? "class names tell left from right, or are letters and digits"
               : "mirrored images show the same classes");
    choose("color_jitter", "0.3", "more variety");
    choose("scale_jitter", "0.2", "more variety");
    const double gigabytes = static_cast<double>(d.images) * d.width * d.height * 3 / 1e9;
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
  int first_stage_ = 2;
  std::vector<Choice> choices_;
};

}  // namespace

Machine this_machine(const std::string& device) {
  Machine machine{.cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency())),
                  .memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                            static_cast<double>(sysconf(_SC_PAGE_SIZE)) / 1e9,
                  .gpu = device.starts_with("cuda")};
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.starts_with("flags"))
      machine.bfloat16 |= line.find("avx512_bf16") != std::string::npos ||
                          line.find("amx_bf16") != std::string::npos;
  return machine;
}

std::vector<Choice> choose_options(const AutoInput& input) { return Chooser(input)(); }

}  // namespace lanner::detectors
