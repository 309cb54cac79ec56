#include "lanner/datasets/check.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/visualize.h"

namespace lanner::datasets {
namespace {

cv::Mat with_boxes(const Image& image, const ImageRecord& record, const Dataset& dataset) {
  std::vector<Label> labels;
  for (const auto& object : record.objects)
    labels.push_back({object.box, object.label, dataset.categories[object.label - 1].name});
  cv::Mat drawn = image.rgb.clone();
  draw(drawn, labels);
  return drawn;
}

}  // namespace

bool CheckReport::usable() const {
  return images > 0 && std::none_of(faults.begin(), faults.end(), [](const Fault& fault) {
           return fault.action == Fault::Action::refuse;
         });
}

CheckReport check_data(const CheckOptions& options) {
  constexpr size_t kShown = 20;
  CheckReport report;
  const Dataset dataset = read_dataset(options.data, options.image_root, nullptr, report.faults);
  for (const auto& category : dataset.categories) report.objects_of[category.name] = 0;
  std::vector<cv::Mat> shown;
  for (const auto& record : dataset.images) {
    ++report.images;
    report.objects += static_cast<int64_t>(record.objects.size());
    report.images_without_objects += record.objects.empty();
    for (const auto& object : record.objects)
      ++report.objects_of[dataset.categories[object.label - 1].name];
    try {
      const auto image = read_image(record.path);
      if (record.width > 0 && (image.width != record.width || image.height != record.height))
        report.faults.push_back({record.path.string(), "size",
                                 "the annotation says " + std::to_string(record.width) + " x " +
                                     std::to_string(record.height) + ", the image is " +
                                     std::to_string(image.width) + " x " +
                                     std::to_string(image.height)});
      if (!options.show.empty() && shown.size() < kShown)
        shown.push_back(with_boxes(image, record, dataset));
    } catch (const Error& error) {
      const std::string text = error.what(), name = record.path.string() + ": ";
      const auto message = text.rfind(name, 0) == 0 ? text.substr(name.size()) : text;
      const auto colon = message.find(": ");
      report.faults.push_back({record.path.string(),
                               colon == std::string::npos ? "image" : message.substr(0, colon),
                               colon == std::string::npos ? message : message.substr(colon + 2)});
    }
  }
  if (!shown.empty()) write_image(options.show / "contact_sheet.png", contact_sheet(shown, 5, 320));
  return report;
}

std::string to_text(const CheckReport& report) {
  constexpr size_t kListed = 50;
  std::ostringstream text;
  text << report.images << " images, " << report.objects << " objects, "
       << report.images_without_objects << " images without objects\n";
  for (const auto& [name, count] : report.objects_of)
    text << "  " << std::left << std::setw(24) << name << std::right << std::setw(8) << count
         << "\n";
  text << report.faults.size() << (report.faults.size() == 1 ? " fault\n" : " faults\n");
  for (size_t i = 0; i < std::min(kListed, report.faults.size()); ++i) {
    const auto& fault = report.faults[i];
    text << "  " << fault.text() << ": "
         << (fault.action == Fault::Action::refuse ? "refused"
             : fault.action == Fault::Action::clip ? "will be clipped"
                                                   : "will be dropped")
         << "\n";
  }
  if (report.faults.size() > kListed)
    text << "  and " << report.faults.size() - kListed << " more\n";
  return text.str();
}

}  // namespace lanner::datasets
