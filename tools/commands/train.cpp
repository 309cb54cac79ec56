#include "tools/jobs.h"
#include "tools/train_options.h"

// The fields of detectors::TrainOptions (detectors/training/options.h) are flags;
// tools/train_options has those that set several at once.
namespace lanner::tools {
namespace {

std::vector<Flag> flags_with(const Shorthands& shorthands, const detectors::TrainOptions& options) {
  auto flags = flags_of(shorthands);
  append_flags(options, "", "options", flags);
  return flags;
}

}  // namespace

std::vector<Flag> train_flags() {
  Shorthands shorthands;
  const auto options = resolve(shorthands, {});
  return flags_with(shorthands, options);
}

int train(const std::vector<std::string>& arguments) {
  const Usage usage{.command = "train",
                    .synopsis =
                        "lanner train --data DATA[:SPLIT] [--val DATA[:SPLIT]] --out RUN "
                        "[--preset small]",
                    .text =
                        "Trains a detector; writes RUN/best.safetensors (highest AP on val) and "
                        "RUN/last.safetensors.\n\n"
                        "  lanner train --data voc:train --val voc:val --out runs/a --preset small "
                        "--max-minutes 12\n"
                        "  lanner train --config runs/a/config.cfg --out runs/b --lr 0.01\n"
                        "  lanner train --config runs/a/config.cfg --resume\n"};
  Shorthands shorthands;
  const auto line = parse(arguments, flags_with(shorthands, {}), usage);
  set_fields(line.words, shorthands);
  auto options = resolve(shorthands, line);
  const auto flags = flags_with(shorthands, options);
  if (line.help) {
    print_help(flags, usage);
    return 0;
  }
  check_required(flags, line);
  if (const int code = choose_by_data(options, shorthands, line)) return code;
  return torch_jobs().train(options);
}

}  // namespace lanner::tools
