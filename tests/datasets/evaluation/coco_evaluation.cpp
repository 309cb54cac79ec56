#include "lanner/datasets/evaluation/coco_evaluation.h"
#include "lanner/datasets/evaluation/voc_evaluation.h"

#include <nlohmann/json.hpp>

#include "lanner/datasets/reports/evaluation_report.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// Two images of one category; image 1 has two objects of 50 x 50, image 2 one.
CocoFile truth() {
  CocoFile coco;
  coco.categories = {{1, "cat"}};
  coco.images = {{1, "a", 200, 200}, {2, "b", 200, 200}};
  coco.annotations = {{1, 1, 1, {0, 0, 50, 50}, 2500, false, false},
                      {2, 1, 1, {100, 100, 50, 50}, 2500, false, false},
                      {3, 2, 1, {20, 20, 50, 50}, 2500, false, false}};
  return coco;
}

std::vector<CocoDetection> perfect() {
  return {
      {1, 1, {0, 0, 50, 50}, 0.9}, {1, 1, {100, 100, 50, 50}, 0.8}, {2, 1, {20, 20, 50, 50}, 0.7}};
}

}  // namespace

TEST_CASE("AP is 1 for perfect detections and 0 for none") {
  const auto all = evaluate_coco(truth(), perfect());
  CHECK(all.AP == Approx(1));
  CHECK(all.AR1 == Approx(2. / 3));
  CHECK(all.APm == Approx(1));
  CHECK(all.APs == -1);  // there are no small objects
  const auto none = evaluate_coco(truth(), {});
  CHECK(none.AP == 0);
  CHECK(evaluate_coco({}, {}).AP == -1);
}

TEST_CASE("a false positive above two true positives lowers AP50 by the expected amount") {
  auto detections = perfect();
  detections.push_back({2, 1, {150, 150, 20, 20}, 0.85});
  // Precision at the three true positives: 1, 2/3, 3/4; the envelope from the right: 1, 3/4, 3/4.
  const double expected = (34 * 1. + 67 * 0.75) / 101;
  CHECK(evaluate_coco(truth(), detections).AP50 == Approx(expected).epsilon(1e-12));
}

TEST_CASE("a second detection of an object is a false positive; a crowd matches any number") {
  auto detections = perfect();
  detections.push_back({1, 1, {1, 1, 50, 50}, 0.95});
  auto coco = truth();
  CHECK(evaluate_coco(coco, detections).AP50 < 1);
  coco.annotations.push_back({4, 2, 1, {100, 100, 100, 100}, 10000, true, false});
  detections = perfect();
  for (int i = 0; i < 3; ++i) detections.push_back({2, 1, {110. + i, 110, 20, 20}, 0.95});
  CHECK(evaluate_coco(coco, detections).AP50 == Approx(1));
}

TEST_CASE("detections in unknown images and categories are ignored") {
  auto detections = perfect();
  detections.push_back({77, 1, {0, 0, 9, 9}, 1});
  detections.push_back({1, 77, {0, 0, 9, 9}, 1});
  CHECK(evaluate_coco(truth(), detections).AP == Approx(1));
}

TEST_CASE("VOC evaluation ignores difficult objects") {
  auto coco = truth();
  coco.annotations[2].difficult = true;
  auto detections = perfect();
  CHECK(evaluate_voc(coco, detections, false).mAP == Approx(1));
  detections.resize(2);
  CHECK(evaluate_voc(coco, detections, true).mAP == Approx(1));
  detections.resize(1);  // recall 1/2: six of eleven points; the area is one half
  CHECK(evaluate_voc(coco, detections, true).mAP == Approx(6. / 11));
  CHECK(evaluate_voc(coco, detections, false).mAP == Approx(0.5));
}

TEST_CASE("evaluate_coco matches pycocotools on coco_reference") {
  const auto data = shared_data("coco_reference");
  if (!data) return;
  Issues issues;
  const auto coco = read_coco(*data / "ground_truth.json", issues);
  REQUIRE(issues.empty());
  const auto found = nlohmann::json::parse(
      to_json(evaluate_coco(coco, read_detections(*data / "detections.json"))));
  const auto expected = nlohmann::json::parse(read(*data / "expected.json"));
  CHECK(expected.size() == 12);
  for (const auto& [name, value] : expected.items())
    CHECK(std::abs(found.at(name).get<double>() - value.get<double>()) < 1e-9);
}

TEST_CASE("the best-F1 threshold is the lowest score that improves F1") {
  auto detections = perfect();
  detections.push_back({2, 1, {150, 150, 20, 20}, 0.6});
  detections.push_back({2, 1, {150, 100, 20, 20}, 0.5});
  const auto curve = evaluate_coco(truth(), detections).classes[0].curve;
  CHECK(curve.f1 == 1);
  CHECK(curve.threshold == 0.7);
  CHECK(curve.precision[100] == Approx(1));
  CHECK(curve.score[0] == 0.9);
  detections.pop_back();
  detections[2].score = 0.6;  // tied with a false positive: both are above the threshold or neither
  const auto tied = evaluate_coco(truth(), detections).classes[0].curve;
  CHECK(tied.threshold == 0.6);
  CHECK(tied.f1 == Approx(6. / 7));
}

TEST_CASE("the curves of the classes use the given IoU") {
  std::vector<CocoDetection> shifted{{1, 1, {10, 0, 50, 50}, 0.9}};  // IoU 2/3
  CHECK(evaluate_coco(truth(), shifted, 0.6).classes[0].curve.f1 == Approx(0.5));
  CHECK(evaluate_coco(truth(), shifted, 0.7).classes[0].curve.f1 == 0);
}
