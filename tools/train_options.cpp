#include "tools/train_options.h"

#include <iomanip>
#include <iostream>
#include <sstream>

#include "lanner/detectors/auto_options.h"
#include "lanner/detectors/presets.h"
#include "tools/jobs.h"

namespace lanner::tools {
namespace {

void make_deformable(detectors::DetectorOptions& detector) {
  if (detector.backbone.deformable.stages.empty()) detector.backbone.deformable.stages = {4};
  detector.roi.deformable = true;
  if (detector.model == "rfcn") detector.roi.pooling = detectors::Pooling::roi_pool;
}

constexpr const char *kAuto = "auto", *kAutoBase = "small";

// Without --preset, one for whatever machine this is.
std::string preset_for(const Shorthands& shorthands, const CommandLine& line) {
  if (!shorthands.preset.empty()) return shorthands.preset;
  const auto given = line.words.find("model");
  const auto model = given == line.words.end() ? "faster_rcnn" : given->second.back();
  if (model == "faster_rcnn") return kAuto;
  detectors::preset_of_model(model);  // throws where there is no such model
  return "small_" + model;
}

// Whether a flag sets the option. A backbone's name stands for its published form.
bool is_given(const std::string& option, const Shorthands& shorthands, const CommandLine& line) {
  const bool named = option == "backbone.depth" || option == "backbone.neck" ||
                     option == "backbone.width" || option == "backbone.groups" ||
                     option == "backbone.group_width";
  return line.given(flag_name(option)) || (named && !shorthands.backbone.empty());
}

// Prints the choices with their reasons, and returns them as flags.
Words chosen_words(const std::vector<detectors::Choice>& choices) {
  Words chosen;
  std::ostringstream table;
  for (const auto& [option, value, reason] : choices) {
    const auto flag = flag_name(option);
    chosen[flag] = {value};
    table << "  " << std::left << std::setw(26) << "--" + flag << " " << std::setw(24) << value
          << " " << reason << "\n";
  }
  if (!chosen.empty())
    std::cerr << "settings by the data and the machine (--preset auto):\n" << table.str();
  return chosen;
}

}  // namespace

detectors::TrainOptions resolve(Shorthands& shorthands, const CommandLine& line,
                                const Words& chosen) {
  shorthands.preset = preset_for(shorthands, line);
  const bool is_auto = shorthands.preset == kAuto;
  auto options = detectors::preset(is_auto ? kAutoBase : shorthands.preset, kAuto).options;
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

std::string config_of(const detectors::TrainOptions& options, const Shorthands& shorthands) {
  // What auto chose is written out: a run that resumes, or repeats this one, does not choose again.
  const bool is_auto = shorthands.preset == kAuto;
  return (is_auto ? "# chosen by --preset auto\npreset = " + std::string(kAutoBase)
                  : "preset = " + shorthands.preset) +
         "\n" + config_text(flags_of(options));
}

int choose_by_data(detectors::TrainOptions& options, Shorthands& shorthands,
                   const CommandLine& line) {
  if (shorthands.preset == kAuto) {
    detectors::AutoInput input;
    if (const int code = torch_jobs().auto_input(options, input)) return code;
    if (!line.given("backbone")) shorthands.backbone.clear();  // the first call filled it in
    input.is_given = [&](const std::string& option) { return is_given(option, shorthands, line); };
    options = resolve(shorthands, line, chosen_words(detectors::choose_options(input)));
  }
  options.loop.config = config_of(options, shorthands);
  return 0;
}

}  // namespace lanner::tools
