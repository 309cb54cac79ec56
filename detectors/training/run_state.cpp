#include "lanner/detectors/training/run_state.h"

#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/distributed/ranks.h"

namespace lanner::detectors {

std::string to_json(const RunState& state) {
  return nlohmann::json{{"step", state.step},
                        {"elapsed", state.elapsed},
                        {"best", state.best},
                        {"evaluations", state.evaluations},
                        {"since_best", state.since_best}}
      .dump();
}

std::optional<ResumedRun> read_resumed_run(const LoopOptions& options) {
  const auto file = options.out / "last.safetensors";
  const bool goes_on = is_restarted() && std::filesystem::exists(file);
  if (!options.resume && !goes_on) return std::nullopt;
  ResumedRun run{{}, read_safetensors(file), file.string()};
  const auto found = run.checkpoint.metadata.find("training");
  if (found == run.checkpoint.metadata.end())
    throw bad_data(run.file + ": training: missing: this file cannot be resumed from");
  try {
    const auto json = nlohmann::json::parse(found->second);
    run.state = {json.at("step"), json.at("elapsed"), json.at("best"), json.at("evaluations"),
                 json.value("since_best", 0)};
  } catch (const nlohmann::json::exception& error) {
    throw bad_data(run.file + ": training: " + error.what());
  }
  return run;
}

}  // namespace lanner::detectors
