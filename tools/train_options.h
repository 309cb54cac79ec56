#pragma once

#include "lanner/detectors/training/options.h"
#include "tools/command.h"

// The options of lanner train, as that command and lanner tune take them.
namespace lanner::tools {

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

// The preset's options, then those that auto chose, then the shorthands, then the fields that were
// given. Fills in the shorthands that were not.
detectors::TrainOptions resolve(Shorthands& shorthands, const CommandLine& line,
                                const Words& chosen = {});

// With `--preset auto`, has the options chosen by the data and prints the choices. Sets
// options.loop.config. Returns the exit code; not 0: an error was printed.
int choose_by_data(detectors::TrainOptions& options, Shorthands& shorthands,
                   const CommandLine& line);

// The options as a configuration file.
std::string config_of(const detectors::TrainOptions& options, const Shorthands& shorthands);

}  // namespace lanner::tools
