#pragma once

#include "lanner/datasets/checking/check.h"
#include "lanner/datasets/converting/convert.h"
#include "lanner/datasets/synthetic.h"
#include "lanner/detectors/auto_options.h"
#include "lanner/detectors/pretraining/options.h"
#include "lanner/detectors/selection/options.h"
#include "lanner/detectors/training/options.h"
#include "lanner/detectors/tuning/tune.h"
#include "tools/options.h"
#include "tools/serve/options.h"

// The work of the subcommands, in two libraries that are loaded when there is work: LibTorch takes
// a quarter of a second that --help need not wait for. Each function returns the program's exit
// code.
namespace lanner::tools {

// liblanner_tools.so, which needs LibTorch.
struct TorchJobs {
  int (*pretrain)(const detectors::PretrainOptions&);
  int (*probe)(const detectors::ProbeOptions&);
  // Fills in what `--preset auto` chooses by.
  int (*auto_input)(const detectors::TrainOptions&, detectors::AutoInput&);
  int (*train)(const detectors::TrainOptions&);
  int (*tune)(const detectors::TuneOptions&, const detectors::ConfigWriter&);
  int (*eval)(const EvalOptions&);
  int (*detect)(const detectors::DetectOptions&);
  int (*serve)(const ServeOptions&);
  int (*models)(const ModelsOptions&);
  int (*select)(const detectors::SelectOptions&);
  int (*quantize)(const QuantizeOptions&);
  int (*bench)(const BenchOptions&);
  int (*doctor)();
};

// liblanner_data_tools.so, which does not.
struct DataJobs {
  int (*synth)(const datasets::SyntheticOptions&);
  int (*check_data)(const datasets::CheckOptions&);
  int (*convert_data)(const datasets::ConvertOptions&);
  int (*eval_files)(const EvalOptions&);
  int (*runs)(const RunsOptions&);
};

// Both load their library at the first call. Throw Error where it cannot be loaded.
const TorchJobs& torch_jobs();
const DataJobs& data_jobs();

}  // namespace lanner::tools
