#include "lanner/datasets/loading/batch.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace lanner::datasets {
namespace {

// One pass from bytes to normalized floats. Factors are laid out as a row is, so that the loop over
// it has no channels and is vectorized as one.
class RowNormalizer {
 public:
  RowNormalizer(const Normalization& normalization, int64_t width) {
    for (int64_t i = 0; i < width * 3; ++i) {
      const float std = normalization.std[i % 3];
      scale_.push_back(1 / (255 * std));
      offset_.push_back(-normalization.mean[i % 3] / std);
    }
  }
  template <typename T>
  void apply(const T* in, float* out, int width) const {
    const float *scale = scale_.data(), *offset = offset_.data();
    for (int i = 0; i < width * 3; ++i) out[i] = static_cast<float>(in[i]) * scale[i] + offset[i];
  }

 private:
  std::vector<float> scale_, offset_;
};

// Zeros to the right of the pixels and below them.
void pad(float* image, const cv::Mat& rgb, int64_t height, int64_t width) {
  for (int64_t y = 0; y < rgb.rows; ++y)
    std::fill(image + (y * width + rgb.cols) * 3, image + (y + 1) * width * 3, 0.f);
  std::fill(image + rgb.rows * width * 3, image + height * width * 3, 0.f);
}

}  // namespace

Batch collate(const std::vector<Sample>& samples, const Normalization& normalization, int divisor) {
  Batch batch;
  int64_t height = 0, width = 0;
  for (const auto& sample : samples) {
    height = std::max<int64_t>(height, sample.rgb.rows);
    width = std::max<int64_t>(width, sample.rgb.cols);
  }
  const auto padded = [&](int64_t side) { return (side + divisor - 1) / divisor * divisor; };
  height = padded(height), width = padded(width);
  const auto count = static_cast<int64_t>(samples.size());
  // Rows of interleaved RGB are channels-last, which the convolutions like best.
  // Not at::zeros, which would start a team of threads beside each of the loader's.
  auto images = at::empty({count, height, width, 3}, at::kFloat);
  const RowNormalizer row(normalization, width);
  for (int64_t n = 0; n < count; ++n) {
    const auto& sample = samples[n];
    for (int y = 0; y < sample.rgb.rows; ++y) {
      float* out = images.mutable_data_ptr<float>() + (n * height + y) * width * 3;
      sample.rgb.depth() == CV_32F ? row.apply(sample.rgb.ptr<float>(y), out, sample.rgb.cols)
                                   : row.apply(sample.rgb.ptr(y), out, sample.rgb.cols);
    }
    pad(images.mutable_data_ptr<float>() + n * height * width * 3, sample.rgb, height, width);
    std::vector<const Object*> targets;
    for (const auto& object : sample.objects)
      if (!object.crowd) targets.push_back(&object);
    const auto objects = static_cast<int64_t>(targets.size());
    auto boxes = at::empty({objects, 4}, at::kFloat);
    auto labels = at::empty({objects}, at::kLong);
    for (int64_t i = 0; i < objects; ++i) {
      const Box& box = targets[i]->box;
      const double sides[4] = {box.x1, box.y1, box.x2, box.y2};
      for (int k = 0; k < 4; ++k)
        boxes.mutable_data_ptr<float>()[i * 4 + k] = static_cast<float>(sides[k]);
      labels.mutable_data_ptr<int64_t>()[i] = targets[i]->label;
    }
    batch.boxes.push_back(boxes);
    batch.labels.push_back(labels);
    batch.sizes.push_back({sample.rgb.rows, sample.rgb.cols});
    batch.original_sizes.push_back({sample.original_height, sample.original_width});
    batch.image_ids.push_back(sample.image_id);
    batch.paths.push_back(sample.path);
  }
  batch.images = images.permute({0, 3, 1, 2});
  return batch;
}

}  // namespace lanner::datasets
