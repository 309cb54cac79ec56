#include "tools/jobs.h"
#include "tools/train_options.h"

namespace lanner::tools {
namespace {

std::vector<Flag> flags_with(const Shorthands& shorthands, const detectors::TuneOptions& options) {
  auto flags = flags_of(shorthands);
  append_flags(options, "", "options", flags);
  return flags;
}

// The settings for lanner train.
std::string tuned_config(detectors::TrainOptions options, const Shorthands& shorthands,
                         const detectors::Changes& changes) {
  Words words;
  for (const auto& [path, value] : changes) words[flag_name(path)] = {value};
  set_fields(words, options);
  options.loop.out.clear();
  options.loop.resume = false;
  return config_of(options, shorthands);
}

}  // namespace

int tune(const std::vector<std::string>& arguments) {
  const Usage usage{
      .command = "tune",
      .synopsis = "lanner tune --data DATA[:SPLIT] --val DATA[:SPLIT] --out DIR [--minutes 60]",
      .text =
          "Finds the learning rate and batch size for a run of --max-minutes (default: of "
          "--minutes) by short runs,\nand predicts its AP. All options of lanner train are "
          "options of the runs.\n\n"
          "  lanner tune --data voc:train --val voc:val --out tuning --minutes 60 "
          "--max-minutes 240\n"
          "  lanner train --config tuning/tuned.cfg --out runs/a\n"};
  Shorthands shorthands;
  detectors::TuneOptions options;
  auto line = parse(arguments, flags_with(shorthands, options), usage);
  set_fields(line.words, shorthands);
  options.train = resolve(shorthands, line);
  const auto flags = flags_with(shorthands, options);
  if (line.help) {
    print_help(flags, usage);
    return 0;
  }
  check_required(flags, line);
  set_fields(line.words, options);
  if (!line.given("max-minutes"))
    line.words["max-minutes"] = {datasets::to_text(options.search.minutes)};
  options.train = resolve(shorthands, line);
  datasets::check_fields(options.search);
  if (const int code = choose_by_data(options.train, shorthands, line)) return code;
  return torch_jobs().tune(options, [&](const detectors::Changes& changes) {
    return tuned_config(options.train, shorthands, changes);
  });
}

}  // namespace lanner::tools
