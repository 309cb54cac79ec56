#include "lanner/datasets/evaluation_html.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <unordered_map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/html.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/visualize.h"

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
  for (const auto& own : metrics.classes)
    rows.push_back({own.name, std::to_string(own.objects), percent(own.AP), percent(own.AP50),
                    percent(own.AP75), percent(own.AR100), percent(own.curve.f1),
                    cv::format("%.3f", own.curve.threshold)});
  return html_table({"class", "objects", "AP", "AP50", "AP75", "AR100", "best F1", "at score"},
                    rows);
}

std::string curves_html(const CocoMetrics& metrics) {
  Chart chart{cv::format("Precision at IoU %.2f", metrics.iou), "recall", "precision", {}};
  for (const auto& own : metrics.classes) {
    if (own.objects == 0) continue;
    Series series{own.name, {}};
    for (size_t r = 0; r < own.curve.precision.size(); ++r)
      series.points.emplace_back(r / 100., own.curve.precision[r]);
    chart.series.push_back(series);
  }
  // Many curves are a thicket: eight classes, the worst first, are what one wants to see.
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
      "<h2>Errors</h2><p>How many there are among detections at the classes' scores of the best "
      "F1, and what AP at IoU " +
      cv::format("%.2f", errors.iou) + " (" + percent(errors.AP) +
      ") would gain if all of a kind were mended.</p>" + html_table({"", "errors", "AP"}, rows);
  text += "<h2>Confusion</h2><p>Objects in rows, detections in columns.</p>";
  std::vector<std::string> heads{""};
  for (const auto& own : metrics.classes) heads.push_back(own.name);
  heads.emplace_back("(nothing)");
  rows.clear();
  for (size_t r = 0; r < errors.confusion.size(); ++r) {
    rows.push_back({heads[r + 1]});
    for (const int64_t count : errors.confusion[r])
      rows.back().push_back(count ? std::to_string(count) : "");
  }
  return text + html_table(heads, rows);
}

struct Judged {
  const ImageRecord* image;
  std::vector<Label> labels;  // detections at or above their class's threshold
  int64_t missed = 0, wrong = 0;
};

void judge(Judged& judged, double least) {
  std::vector<char> found(judged.image->objects.size());
  for (const auto& label : judged.labels) {
    size_t best = found.size();
    for (size_t g = 0; g < found.size(); ++g) {
      const auto& object = judged.image->objects[g];
      if (!found[g] && object.label == label.label && iou(object.box, label.box) >= least) best = g;
    }
    if (best < found.size()) found[best] = 1;
    judged.wrong += best == found.size();
  }
  for (size_t g = 0; g < found.size(); ++g)
    judged.missed += !found[g] && !judged.image->objects[g].crowd;
}

std::string worst_html(const Dataset& dataset, const std::vector<CocoDetection>& detections,
                       const CocoMetrics& metrics) {
  constexpr size_t kShown = 12;
  std::unordered_map<int64_t, size_t> label_of;
  for (size_t c = 0; c < dataset.categories.size(); ++c) label_of[dataset.categories[c].id] = c;
  std::unordered_map<int64_t, std::vector<Label>> kept;
  for (const auto& d : detections) {
    const auto found = label_of.find(d.category_id);
    if (found == label_of.end()) continue;
    const auto& own = metrics.classes[found->second];
    if (own.curve.f1 > 0 && d.score >= own.curve.threshold)
      kept[d.image_id].push_back(
          {{d.bbox.x, d.bbox.y, d.bbox.x + d.bbox.width, d.bbox.y + d.bbox.height},
           static_cast<int64_t>(found->second) + 1,
           own.name + cv::format(" %.2f", d.score)});
  }
  std::vector<Judged> images;
  for (const auto& image : dataset.images) {
    auto& judged = images.emplace_back(Judged{&image, kept[image.id]});
    judge(judged, metrics.iou);
  }
  std::stable_sort(images.begin(), images.end(), [](const Judged& a, const Judged& b) {
    return a.missed + a.wrong > b.missed + b.wrong;
  });
  std::string text =
      "<h2>The images with the most errors</h2><p>Objects in white, detections in colour.</p>";
  for (size_t i = 0; i < std::min(kShown, images.size()); ++i) {
    const auto& [image, labels, missed, wrong] = images[i];
    if (missed + wrong == 0) break;
    cv::Mat rgb;
    try {
      rgb = read_image(image->path).rgb;
    } catch (const Error&) {
      continue;
    }
    for (const auto& object : image->objects)
      cv::rectangle(rgb, cv::Point2d(object.box.x1, object.box.y1),
                    cv::Point2d(object.box.x2, object.box.y2), cv::Scalar::all(255),
                    std::max(2, std::min(rgb.cols, rgb.rows) / 150), cv::LINE_AA);
    draw(rgb, labels);
    text += html_image(rgb, image->path.filename().string() + ": " + std::to_string(missed) +
                                " missed, " + std::to_string(wrong) + " wrong");
  }
  return text;
}

}  // namespace

std::string evaluation_html(const Dataset& dataset, const std::vector<CocoDetection>& detections,
                            double iou) {
  const auto truth = to_coco(dataset);
  const auto metrics = evaluate_coco(truth, detections, iou);
  const auto errors = analyse_errors(truth, detections, metrics);
  return numbers_html(metrics) + "<h2>Classes</h2>" + classes_html(metrics) + curves_html(metrics) +
         errors_html(errors, metrics) + worst_html(dataset, detections, metrics);
}

}  // namespace lanner::datasets
