#include <iomanip>
#include <iostream>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/detectors/auto_options.h"
#include "lanner/detectors/presets.h"
#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {
namespace {

// Flags that set several fields at once; a field's own flag has precedence. All other flags are the
// fields of detectors::TrainOptions (detectors/training/options.h).
struct Shorthands {
  std::string preset;
  std::string backbone;
  bool deformable = false;

  static void visit(auto& o, auto&& field) {
    field(o.preset, {.name = "preset",
                     .help = "defaults of all options, see lanner models; auto (the default) "
                             "chooses them by the data and the machine, from those shown below"});
    field(o.backbone, {.name = "backbone",
                       .help = "resnet18, 34, 50, 101, 152, resnext50_32x4d, wide_resnet50_2, .. "
                               "with -fpn, -c4 (stage 4 is the RoI head) or -dc5 (dilated)"});
    field(o.deformable, {.name = "deformable",
                         .help = "deformable convolutions in stage 4 and deformable RoI pooling"});
  }
};

void make_deformable(detectors::DetectorOptions& detector) {
  if (detector.backbone.deformable.stages.empty()) detector.backbone.deformable.stages = {4};
  detector.roi.deformable = true;
  if (detector.model == "rfcn") detector.roi.pooling = detectors::Pooling::roi_pool;
}

constexpr const char* kAuto = "auto";

std::string preset_for(const Shorthands& shorthands, const CommandLine& line) {
  if (!shorthands.preset.empty()) return shorthands.preset;
  const auto model = line.words.find("model");
  return model == line.words.end() ? kAuto : detectors::preset_of_model(model->second.back()).name;
}

// The preset's options, then those chosen by the data, then the shorthands, then the fields that
// were given.
detectors::TrainOptions resolve(Shorthands& shorthands, const CommandLine& line,
                                const Words& chosen = {}) {
  shorthands.preset = preset_for(shorthands, line);
  const bool is_auto = shorthands.preset == kAuto;
  auto options = detectors::preset(is_auto ? "small" : shorthands.preset).options;
  auto& detector = options.detector;
  const auto model = detector.model;
  set_fields(chosen, options);
  set_fields(line.words, options);
  if (!shorthands.backbone.empty())
    detectors::set_backbone(detector, shorthands.backbone);
  else if (!line.given("anchors.sizes"))
    detectors::fit_anchors_to_levels(detector);
  if (shorthands.deformable) make_deformable(detector);
  // A preset's factors name parameters of its own model.
  if (detector.model != model) options.loop.lr_factors.clear();
  set_fields(line.words, options);
  shorthands.backbone = detectors::backbone_name(detector.backbone);
  return options;
}

std::vector<Flag> flags_with(const Shorthands& shorthands, const detectors::TrainOptions& options) {
  auto flags = flags_of(shorthands);
  append_flags(options, "", "options", flags);
  return flags;
}

// The choices that no flag overrides. Prints them with their reasons.
Words chosen_words(const std::vector<detectors::Choice>& choices, const CommandLine& line) {
  Words chosen;
  std::ostringstream table;
  for (const auto& [option, value, reason] : choices) {
    const auto flag = flag_name(option);
    if (line.given(flag)) continue;
    chosen[flag] = {value};
    table << "  " << std::left << std::setw(26) << "--" + flag << " " << std::setw(24) << value
          << " " << reason << "\n";
  }
  if (!chosen.empty())
    std::cerr << "settings by the data and the machine (--preset auto):\n" << table.str();
  return chosen;
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
  if (shorthands.preset == kAuto) {
    detectors::AutoInput input;
    if (const int code = torch_jobs().auto_input(options, input)) return code;
    if (!line.given("backbone")) shorthands.backbone.clear();  // the first call filled it in
    options = resolve(shorthands, line, chosen_words(detectors::choose_options(input), line));
  }
  options.loop.config = "preset = " + shorthands.preset + "\n" + config_text(flags_of(options));
  return torch_jobs().train(options);
}

}  // namespace lanner::tools
