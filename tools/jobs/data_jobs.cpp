// The library liblanner_data_tools.so: the work of the subcommands that need no LibTorch.
#include <opencv2/core/utility.hpp>

#include "lanner/datasets/evaluation/voc_results.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/reading/read_data.h"
#include "lanner/detectors/auto_options.h"
#include "lanner/ops/api.h"
#include "tools/flags.h"
#include "tools/jobs.h"
#include "tools/jobs/evaluate.h"
#include "tools/jobs/run_job.h"
#include "tools/jobs/runs.h"

namespace lanner::tools {
namespace {

std::vector<datasets::CocoDetection> read_results(const EvalOptions& options,
                                                  datasets::CocoFile& truth) {
  if (datasets::is_coco_file(options.annotations)) {
    datasets::Issues issues;
    truth = datasets::read_coco(options.annotations, issues);
    // Images are not opened, so it does not matter where they are.
    std::erase_if(issues, [](const auto& issue) { return issue.field.ends_with(".file_name"); });
    datasets::throw_if_rejected(issues);
  } else {
    truth = datasets::to_coco(datasets::open_dataset(options.annotations));
  }
  return std::filesystem::is_directory(options.detections)
             ? datasets::read_voc_results(options.detections, truth)
             : datasets::read_detections(options.detections);
}

int eval_files(const EvalOptions& options) {
  datasets::CocoFile truth;
  const auto detections = read_results(options, truth);
  evaluate(options, truth, detections);
  return 0;
}

// What `lanner train` chooses for the data, as flags.
void write_settings(const datasets::DataSummary& data) {
  std::cout
      << "settings that lanner train --preset auto chooses on a CPU without --max-minutes:\n ";
  size_t column = 1;
  for (const auto& choice :
       detectors::choose_options({.data = data, .machine = detectors::this_machine("cpu")})) {
    const auto flag = " --" + flag_name(choice.option) + " \"" + choice.value + "\"";
    if (column + flag.size() > 98) std::cout << " \\\n ", column = 1;
    std::cout << flag, column += flag.size();
  }
  std::cout << "\n";
}

int check_data(const datasets::CheckOptions& options) {
  cv::setNumThreads(1);  // images are decoded side by side
  const auto report = datasets::check_data(options);
  std::cout << datasets::to_text(report);
  if (report.summary.objects > 0) write_settings(report.summary);
  if (!options.json.empty()) datasets::write_file(options.json, datasets::to_json(report));
  if (!options.show.empty()) std::cout << "pictures in " << options.show.string() << "\n";
  return report.usable() ? 0 : static_cast<int>(ExitCode::bad_data);
}

int convert_data(const datasets::ConvertOptions& options) {
  const auto report = datasets::convert_data(options);
  for (const auto& note : report.notes) std::cerr << "note: " << note << "\n";
  for (const auto& split : report.splits)
    std::cout << split.name << ": " << split.images << " images, " << split.objects << " objects\n";
  std::cout << "written to " << options.out.string() << " as " << options.to << "\n";
  return 0;
}

}  // namespace
}  // namespace lanner::tools

using namespace lanner;
using namespace lanner::tools;

extern "C" LANNER_API const DataJobs lanner_data_jobs{
    .synth =
        [](const datasets::SyntheticOptions& options) {
          return run_job([&] {
            datasets::write_synthetic(options);
            return 0;
          });
        },
    .check_data =
        [](const datasets::CheckOptions& options) {
          return run_job([&] { return lanner::tools::check_data(options); });
        },
    .convert_data =
        [](const datasets::ConvertOptions& options) {
          return run_job([&] { return lanner::tools::convert_data(options); });
        },
    .eval_files =
        [](const EvalOptions& options) { return run_job([&] { return eval_files(options); }); },
    .runs =
        [](const RunsOptions& options) { return run_job([&] { return list_runs(options.dir); }); }};
