#include "lanner/datasets/evaluation/error_analysis.h"

#include "tests/catch.h"

using namespace lanner::datasets;

namespace {

// One image with a cat and a dog of 100 x 100, far apart.
CocoFile truth() {
  CocoFile coco;
  coco.categories = {{1, "cat"}, {2, "dog"}};
  coco.images = {{1, "a", 1000, 1000}};
  coco.annotations = {{1, 1, 1, {0, 0, 100, 100}, 1e4, false, false},
                      {2, 1, 2, {500, 500, 100, 100}, 1e4, false, false}};
  return coco;
}

ErrorAnalysis analyze(const CocoFile& coco, const std::vector<CocoDetection>& detections) {
  auto metrics = evaluate_coco(coco, detections);
  for (auto& c : metrics.classes) c.curve.threshold = 0.3;
  return analyze_errors(coco, detections, metrics);
}

int64_t count(const ErrorAnalysis& analysis, ErrorKind kind) {
  return analysis.kinds[static_cast<size_t>(kind)].count;
}

}  // namespace

TEST_CASE("analyze_errors distinguishes the kinds of errors") {
  const auto analysis = analyze(truth(), {{1, 1, {0, 0, 100, 100}, 0.9},
                                          {1, 1, {2, 0, 100, 100}, 0.8},      // duplicate
                                          {1, 1, {70, 0, 100, 100}, 0.7},     // localization
                                          {1, 1, {500, 500, 100, 100}, 0.6},  // classification
                                          {1, 1, {570, 500, 100, 100}, 0.5},  // both
                                          {1, 1, {0, 800, 100, 100}, 0.4},    // background
                                          {1, 1, {0, 800, 100, 100}, 0.2}});  // below the threshold
  for (const auto kind : {ErrorKind::localization, ErrorKind::classification, ErrorKind::duplicate,
                          ErrorKind::background, ErrorKind::both})
    CHECK(count(analysis, kind) == 1);
  CHECK(count(analysis, ErrorKind::missed) == 0);  // the dog is found with the wrong class
  CHECK(analysis.AP == Approx(0.5));               // AP of cat 1, of dog 0
  CHECK(analysis.kinds[static_cast<size_t>(ErrorKind::classification)].ap_gain == Approx(0.5));
  CHECK(analysis.kinds[static_cast<size_t>(ErrorKind::missed)].ap_gain == 0);
}

TEST_CASE("objects without any matching detection are missed") {
  const auto analysis = analyze(truth(), {{1, 1, {0, 0, 100, 100}, 0.9}});
  CHECK(count(analysis, ErrorKind::missed) == 1);
  CHECK(count(analyze(truth(), {}), ErrorKind::missed) == 2);
  CHECK(analyze({}, {}).AP == -1);
}

TEST_CASE("the confusion matrix matches one to one and ignores crowds") {
  auto coco = truth();
  coco.annotations.push_back({3, 1, 1, {0, 300, 200, 200}, 4e4, true, false});
  const auto analysis = analyze(coco, {{1, 1, {500, 500, 100, 100}, 0.9},  // a cat on the dog
                                       {1, 2, {505, 500, 100, 100}, 0.8},  // lower IoU
                                       {1, 1, {10, 310, 50, 50}, 0.8}});   // in the crowd
  using Row = std::vector<int64_t>;
  CHECK(analysis.confusion == std::vector<Row>{{0, 0, 1}, {1, 0, 0}, {0, 1, 0}});
}
