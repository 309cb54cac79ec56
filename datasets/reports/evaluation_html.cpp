#include "lanner/datasets/reports/evaluation_html.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <unordered_map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/visualize.h"
#include "lanner/datasets/reports/html.h"

namespace lanner::datasets {
namespace {

std::string percent(double value) { return value < 0 ? "-" : cv::format("%.1f", 100 * value); }

std::string numbers_html(const CocoMetrics& m) {
  return html_table(
      {"", "AP", "AP50", "AP75", "small", "medium", "large", "AR1", "AR10", "AR100"},
      {{"all classes", percent(m.AP), percent(m.AP50), percent(m.AP75), percent(m.APs),
        percent(m.APm), percent(m.APl), percent(m.AR1), percent(m.AR10), percent(m.AR100)}});
}

std::string classes_html(const CocoMetrics& metrics) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& c : metrics.classes)
    rows.push_back({c.name, std::to_string(c.objects), percent(c.AP), percent(c.AP50),
                    percent(c.AP75), percent(c.AR100), percent(c.curve.f1),
                    cv::format("%.3f", c.curve.threshold)});
  return html_table({"class", "objects", "AP", "AP50", "AP75", "AR100", "best F1", "at score"},
                    rows);
}

std::string curves_html(const CocoMetrics& metrics) {
  Chart chart{cv::format("Precision at IoU %.2f", metrics.iou), "recall", "precision", {}};
  for (const auto& c : metrics.classes) {
    if (c.objects == 0) continue;
    Series series{c.name, {}};
    for (size_t r = 0; r < c.curve.precision.size(); ++r)
      series.points.emplace_back(r / 100., c.curve.precision[r]);
    chart.series.push_back(series);
  }
  // More curves would be unreadable, so only the eight classes with the lowest precision are shown.
  std::sort(chart.series.begin(), chart.series.end(), [&](const Series& a, const Series& b) {
    const auto sum = [](const Series& s) {
      double total = 0;
      for (const auto& point : s.points) total += point.second;
      return total;
    };
    return sum(a) < sum(b);
  });
  if (chart.series.size() > 8) chart.series.resize(8), chart.y += " of the eight worst classes:";
  return line_chart(chart);
}

std::string errors_html(const ErrorAnalysis& errors, const CocoMetrics& metrics) {
  std::vector<std::vector<std::string>> rows;
  for (size_t kind = 0; kind < kErrorNames.size(); ++kind)
    rows.push_back({kErrorNames[kind], std::to_string(errors.kinds[kind].count),
                    "+" + percent(errors.kinds[kind].ap_gain)});
  std::string text =
      "<h2>Errors</h2><p>Number of errors among detections at or above each class's best-F1 "
      "threshold, and the gain in AP at IoU " +
      cv::format("%.2f", errors.iou) + " (" + percent(errors.AP) +
      ") if all errors of a kind were fixed.</p>" + html_table({"", "errors", "AP"}, rows);
  text +=
      "<h2>Confusion matrix</h2><p>Rows: classes of objects. Columns: classes of detections.</p>";
  std::vector<std::string> heads{""};
  for (const auto& c : metrics.classes) heads.push_back(c.name);
  heads.emplace_back("(none)");
  rows.clear();
  for (size_t r = 0; r < errors.confusion.size(); ++r) {
    rows.push_back({heads[r + 1]});
    for (const int64_t count : errors.confusion[r])
      rows.back().push_back(count ? std::to_string(count) : "");
  }
  return text + html_table(heads, rows);
}

struct ImageErrors {
  const ImageRecord* record;
  std::vector<Label> detections;  // those at or above the threshold of their class
  int64_t missed = 0, wrong = 0;
};

// Matches each detection with the unmatched object of its class that has the highest IoU.
void match_objects(ImageErrors& image, double min_iou) {
  const auto& objects = image.record->objects;
  std::vector<char> matched(objects.size());
  for (const auto& detection : image.detections) {
    size_t best = objects.size();
    double best_iou = 0;
    for (size_t g = 0; g < objects.size(); ++g) {
      const double overlap = iou(objects[g].box, detection.box);
      if (matched[g] || objects[g].label != detection.label || overlap < min_iou) continue;
      if (best < objects.size() && overlap <= best_iou) continue;
      best = g, best_iou = overlap;
    }
    if (best < objects.size()) matched[best] = 1;
    image.wrong += best == objects.size();
  }
  for (size_t g = 0; g < objects.size(); ++g) image.missed += !matched[g] && !objects[g].crowd;
}

std::string worst_html(const Dataset& dataset, const std::vector<CocoDetection>& detections,
                       const CocoMetrics& metrics) {
  constexpr size_t kImages = 12;
  std::unordered_map<int64_t, size_t> label_of;
  for (size_t c = 0; c < dataset.categories.size(); ++c) label_of[dataset.categories[c].id] = c;
  std::unordered_map<int64_t, std::vector<Label>> selected;
  for (const auto& d : detections) {
    const auto found = label_of.find(d.category_id);
    if (found == label_of.end()) continue;
    const auto& class_metrics = metrics.classes[found->second];
    if (class_metrics.curve.f1 > 0 && d.score >= class_metrics.curve.threshold)
      selected[d.image_id].push_back(
          {{d.bbox.x, d.bbox.y, d.bbox.x + d.bbox.width, d.bbox.y + d.bbox.height},
           static_cast<int64_t>(found->second) + 1,
           class_metrics.name + cv::format(" %.2f", d.score)});
  }
  std::vector<ImageErrors> images;
  for (const auto& record : dataset.images) {
    auto& image = images.emplace_back(ImageErrors{&record, selected[record.id]});
    match_objects(image, metrics.iou);
  }
  std::stable_sort(images.begin(), images.end(), [](const ImageErrors& a, const ImageErrors& b) {
    return a.missed + a.wrong > b.missed + b.wrong;
  });
  std::string text =
      "<h2>Images with the most errors</h2><p>Objects are white, detections colored.</p>";
  for (size_t i = 0; i < std::min(kImages, images.size()); ++i) {
    const auto& [record, labels, missed, wrong] = images[i];
    if (missed + wrong == 0) break;
    cv::Mat rgb;
    try {
      rgb = read_image(record->path).rgb;
    } catch (const Error&) {
      continue;
    }
    for (const auto& object : record->objects)
      cv::rectangle(rgb, cv::Point2d(object.box.x1, object.box.y1),
                    cv::Point2d(object.box.x2, object.box.y2), cv::Scalar::all(255),
                    std::max(2, std::min(rgb.cols, rgb.rows) / 150), cv::LINE_AA);
    draw(rgb, labels);
    text += html_image(rgb, record->path.filename().string() + ": " + std::to_string(missed) +
                                " missed, " + std::to_string(wrong) + " wrong");
  }
  return text;
}

}  // namespace

std::string evaluation_html(const Dataset& dataset, const std::vector<CocoDetection>& detections,
                            double iou) {
  const auto truth = to_coco(dataset);
  const auto metrics = evaluate_coco(truth, detections, iou);
  const auto errors = analyze_errors(truth, detections, metrics);
  return numbers_html(metrics) + "<h2>Classes</h2>" + classes_html(metrics) + curves_html(metrics) +
         errors_html(errors, metrics) + worst_html(dataset, detections, metrics);
}

}  // namespace lanner::datasets
