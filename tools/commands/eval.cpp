#include "lanner/datasets/error.h"
#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

void EvalOptions::check() const {
  const bool files = !annotations.empty() && !detections.empty();
  if (uses_model() == files)
    throw usage_error("eval: expected --weights and --data, or --annotations and --detections");
  if (files && !report.empty()) throw usage_error("--report requires --weights and --data");
  if (errors && metric != "coco") throw usage_error("--errors requires --metric coco");
}

int eval(const std::vector<std::string>& arguments) {
  EvalOptions options;
  const Usage usage{
      .command = "eval",
      .synopsis =
          "lanner eval --weights W --data DATA[:SPLIT]\n"
          "       lanner eval --annotations GT.json --detections DT.json",
      .text =
          "Evaluates a detector, or anybody's results: COCO's twelve numbers or VOC's mAP, and "
          "each class's,\nin percent.\n"};
  if (!parse_into(options, arguments, usage)) return 0;
  options.check();
  return options.uses_model() ? torch_jobs().eval(options) : data_jobs().eval_files(options);
}

}  // namespace lanner::tools
