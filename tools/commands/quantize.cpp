#include "lanner/datasets/error.h"
#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

void QuantizeOptions::check() const {
  if (data.empty() == images.empty()) throw usage_error("quantize: expected --data or --images");
  calibration.check();
}

int quantize(const std::vector<std::string>& arguments) {
  QuantizeOptions options;
  const Usage usage{
      .command = "quantize",
      .synopsis =
          "lanner quantize --weights W --data DATA[:SPLIT] --out Q\n"
          "       lanner quantize --weights W --images DIR --out Q",
      .text =
          "Quantizes a detector to int8, for CPUs. The result loads wherever weights load, and "
          "cannot be\ntrained. No labels are needed; with them, AP is printed before and "
          "after.\n"};
  if (!parse_into(options, arguments, usage)) return 0;
  options.check();
  return torch_jobs().quantize(options);
}

}  // namespace lanner::tools
