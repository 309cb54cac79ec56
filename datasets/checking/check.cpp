#include "lanner/datasets/checking/check.h"

#include <algorithm>

#include "lanner/datasets/checking/duplicates.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/visualize.h"
#include "lanner/datasets/loading/training_samples.h"
#include "lanner/datasets/parallel.h"
#include "lanner/datasets/reports/box_histograms.h"

namespace lanner::datasets {
namespace {

constexpr size_t kMaxDrawnImages = 20;

bool is_rejected(const Issue& issue) { return issue.action == Issue::Action::reject; }

std::string size_text(int width, int height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

void check_size(const ImageRecord& record, const Image& image, Issues& issues) {
  if (record.width <= 0 || (image.width == record.width && image.height == record.height)) return;
  const bool rotated =
      image.orientation >= 5 && image.width == record.height && image.height == record.width;
  issues.push_back(
      {record.path.string(), "size",
       "the annotation says " + size_text(record.width, record.height) + ", the image is " +
           size_text(image.width, image.height) +
           (rotated ? " after applying EXIF orientation " + std::to_string(image.orientation)
                    : "")});
}

cv::Mat with_boxes(const cv::Mat& rgb, const std::vector<Object>& objects, const Dataset& dataset) {
  std::vector<Label> labels;
  for (const auto& object : objects)
    labels.push_back({object.box, object.label, dataset.categories[object.label - 1].name});
  cv::Mat drawn = rgb.clone();
  draw(drawn, labels);
  return drawn;
}

// Decodes all images. Fills `shown` with the first shown.size() of them, boxes drawn, and then
// drops those that could not be read.
void check_images(const Dataset& dataset, Issues& issues, std::vector<cv::Mat>& shown) {
  std::vector<Issues> issues_per_image(dataset.images.size());
  shown.resize(std::min(shown.size(), dataset.images.size()));
  parallel_for(dataset.images.size(), [&](size_t i) {
    const auto& record = dataset.images[i];
    try {
      const auto image = read_image(record.path);
      check_size(record, image, issues_per_image[i]);
      if (i < shown.size()) shown[i] = with_boxes(image.rgb, record.objects, dataset);
    } catch (const Error& error) {
      issues_per_image[i].push_back(issue_from(error, record.path.string()));
    }
  });
  for (const auto& found : issues_per_image)
    issues.insert(issues.end(), found.begin(), found.end());
  std::erase_if(shown, [](const cv::Mat& image) { return image.empty(); });
}

// The first samples of a training run, with their boxes drawn.
std::vector<cv::Mat> augmented_images(const Dataset& dataset, const CheckOptions& options) {
  TrainingSamples samples(dataset, {.batch_size = static_cast<int>(kMaxDrawnImages),
                                    .resize = options.resize,
                                    .augment = options.augment,
                                    .skip_bad_images = true});
  std::vector<cv::Mat> images;
  for (const auto& sample : samples.batch(0))
    images.push_back(with_boxes(sample.rgb, sample.objects, dataset));
  return images;
}

void write_contact_sheet(const std::filesystem::path& file, const std::vector<cv::Mat>& images) {
  write_image(file, contact_sheet(images, 5, 320));
}

}  // namespace

bool CheckReport::usable() const {
  return images > 0 && std::none_of(issues.begin(), issues.end(), is_rejected);
}

void CheckOptions::check() const {
  check_fields(*this);
  resize.check();
  if (show_augmented && show.empty()) throw usage_error("--show-augmented requires --show");
}

CheckReport check_data(const CheckOptions& options) {
  options.check();
  CheckReport report;
  const Dataset dataset =
      read_dataset(options.source(), options.image_root, nullptr, report.issues);
  report.notes = dataset.notes;
  for (const auto& category : dataset.categories)
    report.objects_per_class.emplace_back(category.name, 0);
  report.images = static_cast<int64_t>(dataset.images.size());
  for (const auto& record : dataset.images) {
    report.objects += static_cast<int64_t>(record.objects.size());
    report.images_without_objects += record.objects.empty();
    for (const auto& object : record.objects) ++report.objects_per_class[object.label - 1].second;
  }
  report.boxes = measure_boxes(dataset, options.resize);

  Split split{options.source(), dataset};
  std::vector<Split> others;
  for (const auto& data : options.against) {
    Issues ignored;  // reported when the other split itself is checked
    others.push_back({data, read_dataset(data, options.image_root, nullptr, ignored)});
  }
  find_augmented_copies(split, others, report.issues);
  std::vector<cv::Mat> shown(options.show.empty() ? 0 : kMaxDrawnImages);
  if (!options.annotations_only) {
    check_images(dataset, report.issues, shown);
    find_identical_images(split, others, report.issues);
  }
  if (report.usable() && !options.annotations_only) report.summary = summarize(dataset);
  // Issues that the user must fix come first.
  std::stable_partition(report.issues.begin(), report.issues.end(), is_rejected);
  if (options.show.empty()) return report;
  if (!shown.empty()) write_contact_sheet(options.show / "contact_sheet.png", shown);
  if (options.show_augmented && report.images > 0)
    write_contact_sheet(options.show / "augmented.png", augmented_images(dataset, options));
  write_image(options.show / "boxes.png", draw_boxes(report.boxes, report.objects_per_class));
  return report;
}

}  // namespace lanner::datasets
