#include "lanner/detectors/training/advice.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <map>
#include <numeric>
#include <sstream>

#include "lanner/datasets/checking/data_summary.h"
#include "lanner/datasets/images/transforms.h"

namespace lanner::detectors {
namespace {

constexpr double kMinIou = 0.4;        // of a box with its best anchor, both at the same place
constexpr double kMaxUnmatched = 0.1;  // fraction of the boxes
constexpr double kMinSide = 4;         // pixels

template <typename... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream stream;
  stream << std::fixed << std::setprecision(0);
  (stream << ... << parts);
  return stream.str();
}

std::string percent(double fraction) { return text(100 * fraction, " %"); }

// Sides of the objects as the network sees them.
struct ResizedBox {
  double width, height;
  double side() const { return std::sqrt(width * height); }
};

std::vector<ResizedBox> resized_boxes(const TrainOptions& options, const datasets::Dataset& data) {
  std::vector<ResizedBox> boxes;
  for (const auto& image : data.images) {
    if (image.width <= 0 || image.height <= 0) continue;
    const auto size = datasets::resized({image.height, image.width}, options.detector.resize);
    const double scale = static_cast<double>(size.width) / image.width;
    for (const auto& object : image.objects) {
      if (object.crowd) continue;
      ResizedBox box{object.box.width() * scale, object.box.height() * scale};
      if (const int crop = options.augment.object_crop;
          crop > 0) {  // crops scale large objects down
        const double shrink = std::min(1., 0.8 * crop / std::max(box.width, box.height));
        box = {box.width * shrink, box.height * shrink};
      }
      boxes.push_back(box);
    }
  }
  return boxes;
}

double best_iou(const ResizedBox& box, const AnchorOptions& anchors) {
  double best = 0;
  for (const auto& level : anchors.sizes)
    for (const double size : level)
      for (const double ratio : anchors.ratios) {
        const double height = size * std::sqrt(ratio), width = size / std::sqrt(ratio);
        const double overlap = std::min(width, box.width) * std::min(height, box.height);
        best = std::max(best, overlap / (width * height + box.width * box.height - overlap));
      }
  return best;
}

void advise_on_anchors(const TrainOptions& options, const datasets::Dataset& train,
                       AdviceList& advice) {
  const auto boxes = resized_boxes(options, train);
  if (boxes.empty()) return;
  double smallest = 1e9, largest = 0;
  for (const auto& level : options.detector.anchors.sizes)
    for (const double size : level)
      smallest = std::min(smallest, size), largest = std::max(largest, size);
  int64_t tiny = 0, small = 0, large = 0, other = 0;
  for (const auto& box : boxes) {
    tiny += box.side() < kMinSide;
    if (best_iou(box, options.detector.anchors) >= kMinIou) continue;
    ++(box.side() < smallest ? small : box.side() > largest ? large : other);
  }
  const auto part = [&](int64_t count) {
    return static_cast<double>(count) / static_cast<double>(boxes.size());
  };
  if (part(tiny) > kMaxUnmatched)
    advice.push_back(
        {"tiny objects",
         percent(part(tiny)) + " of the objects are less than " + text(kMinSide) +
             " pixels across at this image size: try a larger --resize.min-size (now " +
             text(options.detector.resize.min_size) + ") and --resize.max-size"});
  if (part(small) > kMaxUnmatched)
    advice.push_back(
        {"small objects", percent(part(small)) +
                              " of the objects are too small to match the smallest anchor (" +
                              text(smallest) +
                              " pixels): try smaller --anchors.sizes, as lanner check-data "
                              "suggests, or a larger --resize.min-size"});
  if (part(large) > kMaxUnmatched)
    advice.push_back({"large objects",
                      percent(part(large)) +
                          " of the objects are too large to match the largest anchor (" +
                          text(largest) +
                          " pixels): try larger --anchors.sizes, as lanner check-data suggests"});
  if (part(other) > kMaxUnmatched)
    advice.push_back(
        {"anchor shapes", percent(part(other)) +
                              " of the objects match no anchor in shape or size: "
                              "try more --anchors.ratios or --anchors.sizes, as lanner check-data "
                              "suggests"});
}

// Names joined by commas, at most ten.
std::string list(const std::vector<std::string>& names) {
  constexpr size_t kMax = 10;
  std::string joined;
  for (size_t i = 0; i < std::min(kMax, names.size()); ++i) joined += (i ? ", " : "") + names[i];
  return names.size() > kMax ? joined + " and " + text(names.size() - kMax, " other classes")
                             : joined;
}

std::map<int64_t, int64_t> objects_per_label(const datasets::Dataset& data) {
  std::map<int64_t, int64_t> counts;
  for (const auto& image : data.images)
    for (const auto& object : image.objects) ++counts[object.label];
  return counts;
}

void advise_on_classes(const datasets::Dataset& train, const datasets::Dataset& val,
                       AdviceList& advice) {
  const auto in_train = objects_per_label(train), in_val = objects_per_label(val);
  std::vector<std::string> only_train, only_val;
  for (size_t i = 0; i < train.categories.size(); ++i) {
    const auto label = static_cast<int64_t>(i) + 1;
    if (in_train.contains(label) != in_val.contains(label))
      (in_train.contains(label) ? only_train : only_val).push_back(train.categories[i].name);
  }
  if (!val.images.empty() && !only_train.empty())
    advice.push_back({"classes missing in val", "val has no object of " + list(only_train) +
                                                    ": their AP cannot be measured; add "
                                                    "images of them to --val"});
  if (!only_val.empty())
    advice.push_back(
        {"classes missing in train", "train has no object of " + list(only_val) +
                                         ", which val has: they cannot be learned; add images "
                                         "of them to --data"});
}

// What keeps the detector from learning.
void advise_on_learning(const TrainOptions& options, const WindowSummary& window, double found,
                        AdviceList& advice) {
  if (window.relative_update > 0 && window.relative_update < 2e-4 && found < 0.1)
    advice.push_back(
        {"learning rate too low", "the weights hardly change: try ten times the --lr of " +
                                      datasets::to_text(options.loop.lr)});
  // A flat loss alone is not a fault: the head's loss grows as the RPN proposes more objects.
  else if (window.progress > 0.25 && window.loss > 0.97 * window.first_loss && found < 0.3)
    advice.push_back(
        {"loss does not fall", "the loss does not fall: try a third and three times the --lr of " +
                                   datasets::to_text(options.loop.lr)});
  else if (window.progress > 0.1 && window.gauges.positives > 100 && found < 0.02)
    advice.push_back(
        {"only background",
         "the classifier predicts background for every RoI: check the labels "
         "(lanner check-data --show DIR), and try a lower --lr or larger --batch-size"});
}

}  // namespace

AdviceList advise_on_data(const TrainOptions& options, const datasets::Dataset& train,
                          const datasets::Dataset& val) {
  AdviceList advice;
  if (options.detector.model != "diffusion") advise_on_anchors(options, train, advice);
  advise_on_classes(train, val, advice);
  if (options.augment.horizontal_flip > 0 && datasets::mirroring_changes_classes(train.categories))
    advice.push_back({"mirrored classes",
                      "mirroring changes the class of some objects, and training mirrors images: "
                      "use --horizontal-flip 0"});
  const auto& backbone = options.detector.backbone;
  if (options.init.empty() && !options.loop.resume &&
      (backbone.trainable_stages < 5 || backbone.norm == Norm::frozen_batch))
    advice.push_back({"frozen random weights",
                      "parts of the backbone are frozen with random weights: use --init FILE, or "
                      "--backbone.trainable-stages 5 and --backbone.norm batch"});
  if (backbone.norm == Norm::batch && options.loop.batch_size == 1)
    advice.push_back({"batch of one",
                      "batch norm works poorly with one image per step: use --batch-size 4, or "
                      "--backbone.norm group"});
  return advice;
}

AdviceList advise_on_window(const TrainOptions& options, const WindowSummary& window) {
  AdviceList advice;
  const auto& g = window.gauges;
  const double found = g.positives ? static_cast<double>(g.found) / g.positives : 1;
  const double right = g.positives ? static_cast<double>(g.right_class) / g.positives : 1;
  if (window.relative_update > 0.05)
    advice.push_back({"learning rate too high",
                      "a step changes the weights by " +
                          text(std::setprecision(1), 100 * window.relative_update, " %") +
                          ", which undoes what was learned: "
                          "try a tenth of the --lr of " +
                          datasets::to_text(options.loop.lr)});
  if (window.first_loss == 0) return advice;
  if (advice.empty()) advise_on_learning(options, window, found, advice);
  if (window.data_wait > 0.2)
    advice.push_back(
        {"waiting for data", percent(window.data_wait) +
                                 " of the time is spent waiting for data: try more "
                                 "--workers, or --image-cache to keep decoded images in memory"});
  if (window.progress < 0.5) return advice;
  const char* names[Gauges::kSizes] = {"up to 16", "16 to 32", "32 to 96", "over 96"};
  for (int size = 0; size < Gauges::kSizes; ++size) {
    if (g.objects[size] < 50) continue;
    const double recall = static_cast<double>(g.proposed[size]) / g.objects[size];
    if (recall < 0.4)
      advice.push_back({"objects are not proposed",
                        std::string("the RPN proposes only ") + percent(recall) +
                            " of the objects of " + names[size] +
                            " pixels: try anchors of their size (--anchors.sizes), a larger "
                            "--resize.min-size, or more steps"});
  }
  if (window.classes > 1 && g.positives > 200 && found > 0.2 &&
      right < window.majority_class + 0.1 * (1 - window.majority_class))
    advice.push_back({"classes are confused",
                      "objects are found, but only " + percent(right) +
                          " get the right class; always answering the "
                          "most frequent class would give " +
                          percent(window.majority_class) +
                          ": check the labels (lanner check-data --show DIR), or try more steps"});
  return advice;
}

Advice explain_failure(const Gauges& g) {
  const auto sum = [](const auto& counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  };
  const double objects = std::max(1., sum(g.objects)), positives = std::max<double>(1, g.positives);
  const std::string proposed = percent(sum(g.proposed) / objects);
  const double found = static_cast<double>(g.found) / positives;
  const double right = static_cast<double>(g.right_class) / positives;
  std::string state;
  if (sum(g.objects) > 0)  // diffusion has no proposals
    state = ": the RPN proposes " + proposed + " of the objects, the head recognizes " +
            percent(found) + " of its positive RoIs as objects and classifies " + percent(right) +
            " of them correctly";
  return {"too few steps",
          "the run ended before the detector had learned" + state +
              ". Try a larger --max-minutes, --init with a pretrained backbone, or smaller "
              "images (--resize.min-size) for more steps in the same time"};
}

AdviceList advise_on_evaluation(const EvaluationSummary& e) {
  AdviceList advice;
  if (e.progress < 0.5 || e.val_AP50 < 0) return advice;
  if (e.train_AP50 >= 0.15 && e.val_AP50 < 0.6 * e.train_AP50) {
    if (e.localization_gain > 0.5 * (e.train_AP50 - e.val_AP50))
      advice.push_back({"val boxes are offset",
                        "detections on val are offset from the ground-truth boxes (AP50 on train " +
                            percent(e.train_AP50) + ", on val " + percent(e.val_AP50) +
                            ", with the offset removed " +
                            percent(e.val_AP50 + e.localization_gain) +
                            "): are the boxes of --val drawn in the same way as those of --data?"});
    else if (e.train_AP50 >= 0.5)
      advice.push_back(
          {"overfitting", "the detector overfits (AP50 on train " + percent(e.train_AP50) +
                              ", on val " + percent(e.val_AP50) +
                              "): try more labeled images, stronger augmentation "
                              "(--color-jitter, --scale-jitter, --mosaic), or --init with a "
                              "pretrained backbone"});
  }
  if (e.val_AP50 > 0.3 && e.val_AP75 < 0.15 * e.val_AP50)
    advice.push_back({"loose boxes", "objects are found but their boxes are loose (AP50 " +
                                         percent(e.val_AP50) + ", AP75 " + percent(e.val_AP75) +
                                         "): look at the boxes with lanner check-data --show DIR"});
  return advice;
}

}  // namespace lanner::detectors
