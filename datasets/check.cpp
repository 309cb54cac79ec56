#include "lanner/datasets/check.h"

#include <algorithm>

#include "lanner/datasets/box_histograms.h"
#include "lanner/datasets/duplicates.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/parallel.h"
#include "lanner/datasets/training_samples.h"
#include "lanner/datasets/visualize.h"

namespace lanner::datasets {
namespace {

constexpr size_t kShown = 20;

std::string size_text(int width, int height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

void check_size(const ImageRecord& record, const Image& image, Faults& faults) {
  if (record.width <= 0 || (image.width == record.width && image.height == record.height)) return;
  const bool turned =
      image.orientation >= 5 && image.width == record.height && image.height == record.width;
  faults.push_back({record.path.string(), "size",
                    "the annotation says " + size_text(record.width, record.height) +
                        ", the image is " + size_text(image.width, image.height) +
                        (turned ? " once it is turned upright (EXIF orientation " +
                                      std::to_string(image.orientation) + ")"
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

// Decodes every image; `shown` are the first ones with their boxes.
void check_images(const Dataset& dataset, Faults& faults, std::vector<cv::Mat>& shown) {
  std::vector<Faults> found(dataset.images.size());
  shown.resize(std::min(shown.size(), dataset.images.size()));
  parallel_for(dataset.images.size(), [&](size_t i) {
    const auto& record = dataset.images[i];
    try {
      const auto image = read_image(record.path);
      check_size(record, image, found[i]);
      if (i < shown.size()) shown[i] = with_boxes(image.rgb, record.objects, dataset);
    } catch (const Error& error) {
      found[i].push_back(fault_of(error, record.path.string()));
    }
  });
  for (auto& own : found) faults.insert(faults.end(), own.begin(), own.end());
  std::erase_if(shown, [](const cv::Mat& image) { return image.empty(); });
}

// The first samples of a training run.
std::vector<cv::Mat> augmented_images(const Dataset& dataset, const CheckOptions& options) {
  TrainingSamples samples(dataset, {.batch_size = static_cast<int>(kShown),
                                    .resize = options.resize,
                                    .augment = options.augment,
                                    .skip_bad_images = true});
  std::vector<cv::Mat> images;
  for (const auto& sample : samples.batch(0))
    images.push_back(with_boxes(sample.rgb, sample.objects, dataset));
  return images;
}

void write_sheet(const std::filesystem::path& file, const std::vector<cv::Mat>& images) {
  write_image(file, contact_sheet(images, 5, 320));
}

}  // namespace

bool CheckReport::usable() const {
  return images > 0 && std::none_of(faults.begin(), faults.end(), [](const Fault& fault) {
           return fault.action == Fault::Action::refuse;
         });
}

CheckReport check_data(const CheckOptions& options) {
  options.augment.check();
  CheckReport report;
  const Dataset dataset = read_dataset(options.data, options.image_root, nullptr, report.faults);
  for (const auto& category : dataset.categories) report.objects_of.emplace_back(category.name, 0);
  report.images = static_cast<int64_t>(dataset.images.size());
  for (const auto& record : dataset.images) {
    report.objects += static_cast<int64_t>(record.objects.size());
    report.images_without_objects += record.objects.empty();
    for (const auto& object : record.objects) ++report.objects_of[object.label - 1].second;
  }
  report.boxes = measure_boxes(dataset, options.resize);

  Split own{options.data, dataset};
  std::vector<Split> others;
  for (const auto& data : options.against) {
    Faults of_others;  // are their own check's
    others.push_back({data, read_dataset(data, options.image_root, nullptr, of_others)});
  }
  find_copies(own, others, report.faults);
  std::vector<cv::Mat> shown(options.show.empty() ? 0 : kShown);
  if (options.images) {
    check_images(dataset, report.faults, shown);
    find_duplicates(own, others, report.faults);
  }
  // What must be mended comes first.
  std::stable_partition(report.faults.begin(), report.faults.end(),
                        [](const Fault& fault) { return fault.action == Fault::Action::refuse; });
  if (options.show.empty()) return report;
  if (!shown.empty()) write_sheet(options.show / "contact_sheet.png", shown);
  if (options.show_augmented && report.images > 0)
    write_sheet(options.show / "augmented.png", augmented_images(dataset, options));
  write_image(options.show / "boxes.png", draw_boxes(report.boxes, report.objects_of));
  return report;
}

}  // namespace lanner::datasets
