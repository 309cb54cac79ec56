#include "lanner/detectors/inference/views.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/preprocessing.h"
#include "lanner/detectors/roi_heads/suppress.h"
#include "lanner/ops/boxes.h"

namespace lanner::detectors {
namespace {

constexpr double kBorder = 2;     // pixels from a tile's border within which it may cut an object
constexpr double kCovered = 0.6;  // part of a cut object that another box covers

// What was found in one view of an image, in pixels of the image.
struct Found {
  Detections detections;
  at::Tensor cut;  // [D] bool: whether an inner border of the tile cuts the object
};

// The part of the image that is looked at.
cv::Rect region_of(const cv::Mat& image, const std::vector<double>& region) {
  const cv::Rect whole(0, 0, image.cols, image.rows);
  if (region.empty()) return whole;
  const cv::Point first(static_cast<int>(region[0]), static_cast<int>(region[1])),
      last(static_cast<int>(std::ceil(region[2])), static_cast<int>(std::ceil(region[3])));
  const auto rect = cv::Rect(first, last) & whole;
  if (rect.empty())
    throw usage_error("region: outside of an image of " + std::to_string(image.cols) + " x " +
                      std::to_string(image.rows));
  return rect;
}

class Views {
 public:
  Views(Detector& detector, const ViewOptions& options) : detector_(detector), options_(options) {}

  Detections operator()(const cv::Mat& image) {
    found_.clear();
    const auto region = region_of(image, options_.region);
    look(image, region, region);
    if (options_.tile > 0 && (region.width > options_.tile || region.height > options_.tile))
      for (const int y : positions(region.height))
        for (const int x : positions(region.width)) {
          const cv::Rect tile(region.x + x, region.y + y, side(region.width), side(region.height));
          look(image, tile, region);
        }
    return merged();
  }

 private:
  int side(int length) const { return std::min(length, static_cast<int>(options_.tile)); }
  std::vector<int> positions(int length) const {
    return tile_positions(length, side(length), options_.overlap);
  }

  // Looks at `part`, at all scales, mirrored too if asked for.
  void look(const cv::Mat& image, const cv::Rect& part, const cv::Rect& region) {
    const cv::Mat pixels = image(part).clone();
    for (const double scale : options_.scales) {
      add(run(pixels, scale), part, region);
      if (!options_.flip) continue;
      cv::Mat mirrored;
      cv::flip(pixels, mirrored, 1);
      auto detections = run(mirrored, scale);
      const auto& b = detections.boxes;
      detections.boxes = torch::stack({pixels.cols - b.select(1, 2), b.select(1, 1),
                                       pixels.cols - b.select(1, 0), b.select(1, 3)},
                                      1);
      add(detections, part, region);
    }
  }

  Detections run(const cv::Mat& pixels, double scale) {
    auto options = detector_->options;
    options.resize.min_size = std::max<int>(1, int(std::lround(options.resize.min_size * scale)));
    options.resize.max_size = std::max<int>(1, int(std::lround(options.resize.max_size * scale)));
    auto batch = preprocess({pixels}, options);
    batch.images = batch.images.to(detector_->parameters().front().device());
    const auto found = detector_->detect(batch)[0];
    return {found.boxes.cpu(), found.labels.cpu(), found.scores.cpu()};
  }

  void add(Detections found, const cv::Rect& part, const cv::Rect& region) {
    const auto& b = found.boxes;
    const auto left =
        part.x > region.x ? b.select(1, 0) < kBorder : at::zeros_like(found.labels, at::kBool);
    const auto top = part.y > region.y ? b.select(1, 1) < kBorder : at::zeros_like(left);
    const auto right =
        part.br().x < region.br().x ? b.select(1, 2) > part.width - kBorder : at::zeros_like(left);
    const auto bottom =
        part.br().y < region.br().y ? b.select(1, 3) > part.height - kBorder : at::zeros_like(left);
    const auto shift = torch::tensor({float(part.x), float(part.y), float(part.x), float(part.y)});
    found.boxes = b + shift;
    found_.push_back({found, left | top | right | bottom});
  }

  Detections merged() const {
    if (found_.size() == 1) return found_[0].detections;
    std::vector<at::Tensor> box_list, label_list, score_list, cut_list;
    for (const auto& [detections, cut] : found_) {
      box_list.push_back(detections.boxes), label_list.push_back(detections.labels);
      score_list.push_back(detections.scores), cut_list.push_back(cut);
    }
    const auto boxes = at::cat(box_list), labels = at::cat(label_list),
               scores = at::cat(score_list), cut = at::cat(cut_list);
    const auto order = at::nonzero(~covered(boxes, labels, cut)).squeeze(1);
    const auto [indices, kept_scores] =
        suppress(boxes.index_select(0, order), scores.index_select(0, order),
                 labels.index_select(0, order), detector_->options.roi);
    const auto kept = order.index_select(0, indices);
    return {boxes.index_select(0, kept), labels.index_select(0, kept), kept_scores};
  }

  // [D] bool: whether a box that is cut lies mostly in another one of its class that is not, or in
  // a larger one that is.
  static at::Tensor covered(const at::Tensor& boxes, const at::Tensor& labels,
                            const at::Tensor& cut) {
    auto result = at::zeros_like(cut);
    const auto indices = at::nonzero(cut).squeeze(1);
    const auto areas =
        (boxes.select(1, 2) - boxes.select(1, 0)) * (boxes.select(1, 3) - boxes.select(1, 1));
    for (int64_t i = 0; i < indices.size(0); ++i) {
      const auto index = indices[i].item<int64_t>();
      const auto box = boxes[index];
      const auto low = at::maximum(boxes.slice(1, 0, 2), box.slice(0, 0, 2));
      const auto high = at::minimum(boxes.slice(1, 2, 4), box.slice(0, 2, 4));
      const auto shared = (high - low).clamp_min(0).prod(1) / areas[index];
      const auto other =
          (labels == labels[index]) & (shared > kCovered) & (~cut | (areas > areas[index]));
      other[index] = false;
      if (other.any().item<bool>()) result[index] = true;
    }
    return result;
  }

  Detector& detector_;
  const ViewOptions& options_;
  std::vector<Found> found_;
};

bool is_plain(const ViewOptions& options) {
  return options.region.empty() && options.tile == 0 && !options.flip &&
         options.scales == std::vector<double>{1};
}

}  // namespace

std::vector<int> tile_positions(int length, int side, double overlap) {
  if (length <= side) return {0};
  const double step = side * (1 - overlap);
  const int count = 1 + static_cast<int>(std::ceil((length - side) / step));
  std::vector<int> positions;
  for (int i = 0; i < count; ++i)
    positions.push_back(static_cast<int>(std::lround(double(length - side) * i / (count - 1))));
  return positions;
}

std::vector<Detections> detect_views(Detector& detector, const std::vector<cv::Mat>& images,
                                     const ViewOptions& options) {
  std::vector<Detections> results;
  if (is_plain(options)) {
    auto batch = preprocess(images, detector->options);
    batch.images = batch.images.to(detector->parameters().front().device());
    for (const auto& found : detector->detect(batch))
      results.push_back({found.boxes.cpu(), found.labels.cpu(), found.scores.cpu()});
    return results;
  }
  Views views(detector, options);
  for (const auto& image : images) results.push_back(views(image));
  return results;
}

}  // namespace lanner::detectors
