// What the subcommands do that need no LibTorch, once their command line is parsed. The names are
// looked up by run_job.
#include <opencv2/core/utility.hpp>

#include "lanner/datasets/check.h"
#include "lanner/datasets/synthetic.h"
#include "lanner/datasets/voc_results.h"
#include "tools/evaluate.h"
#include "tools/job.h"

namespace lanner::tools {
namespace {

// Somebody's results, and what they are to be measured against.
std::vector<datasets::CocoDetection> read_results(const EvalOptions& options,
                                                  datasets::CocoFile& truth) {
  if (std::filesystem::is_regular_file(options.annotations)) {
    datasets::Faults faults;
    truth = datasets::read_coco(options.annotations, faults);
    datasets::refuse(faults);
  } else {
    truth = datasets::to_coco(datasets::open_dataset(options.annotations));
  }
  return std::filesystem::is_directory(options.detections)
             ? datasets::read_voc_results(options.detections, truth)
             : datasets::read_detections(options.detections);
}

int check(const datasets::CheckOptions& options) {
  cv::setNumThreads(1);  // images are decoded side by side
  const auto report = datasets::check_data(options);
  std::cout << datasets::to_text(report);
  if (!options.json.empty()) datasets::write_file(options.json, datasets::to_json(report));
  if (!options.show.empty()) std::cout << "pictures in " << options.show.string() << "\n";
  return report.usable() ? 0 : static_cast<int>(ExitCode::bad_data);
}

}  // namespace
}  // namespace lanner::tools

using namespace lanner;

extern "C" {

int lanner_synth(const void* options) {
  return tools::run([&] {
    datasets::write_synthetic(tools::as<datasets::SyntheticOptions>(options));
    return 0;
  });
}
int lanner_check_data(const void* options) {
  return tools::run([&] { return tools::check(tools::as<datasets::CheckOptions>(options)); });
}
int lanner_eval_files(const void* options) {
  return tools::run([&] {
    const auto& o = tools::as<tools::EvalOptions>(options);
    datasets::CocoFile truth;
    const auto detections = tools::read_results(o, truth);
    tools::evaluate(o, truth, detections);
    return 0;
  });
}

}  // extern "C"
