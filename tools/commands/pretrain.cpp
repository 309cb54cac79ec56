#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int pretrain(const std::vector<std::string>& arguments) {
  detectors::PretrainOptions options;
  const Usage usage{
      .command = "pretrain",
      .synopsis = "lanner pretrain --images DIR... --out RUN",
      .text =
          "Pretrains a ResNet on unlabeled images by Contrastive Predictive Coding (CPC), or by "
          "SimCLR.\nRUN/best.safetensors is for `lanner train --init`; `lanner probe` measures "
          "it.\n"};
  if (!parse_into(options, arguments, usage)) return 0;
  options.loop.config = config_text(flags_of(options));
  return torch_jobs().pretrain(options);
}

}  // namespace lanner::tools
