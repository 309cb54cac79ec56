#include "lanner/detectors/training/run_identity.h"

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "lanner/datasets/checking/fingerprint.h"
#include "lanner/datasets/error.h"
#include "lanner/detectors/training/schedule.h"

namespace lanner::detectors {
namespace {

// Options that may change from one start of a run to the next. Data is compared by its content.
const std::set<std::string> kFree{
    "data",     "val",         "image-root",   "images",       "out",
    "resume",   "override",    "workers",      "log-every",    "save-minutes",
    "keep",     "image-cache", "evaluations",  "on-bad-image", "device",
    "init",     "batch-size",  "preset",       "show",         "patience",
    "backbone", "val-loss",    "evaluate-raw", "unlabelled",   "pseudo.truth"};
// Options that the learning rate of a step depends on.
const std::set<std::string> kSchedule{"epochs", "max-steps", "max-minutes", "schedule",
                                      "lr-milestones"};
constexpr const char *kImagesPerStep = "images per step", *kPrecision = "precision";

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

RunIdentity stored_identity(const ResumedRun& resumed) {
  const auto found = resumed.checkpoint.metadata.find("run");
  if (found == resumed.checkpoint.metadata.end()) return {};
  try {
    return nlohmann::json::parse(found->second).get<RunIdentity>();
  } catch (const nlohmann::json::exception& error) {
    throw bad_data(resumed.file + ": run: " + error.what());
  }
}

std::string indented(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += "\n  " + line;
  return text;
}

}  // namespace

RunIdentity identity_of(const LoopOptions& options) {
  RunIdentity identity;
  std::istringstream lines(options.config);
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (line.starts_with('#') || equals == std::string::npos) continue;
    const auto name = trimmed(line.substr(0, equals));
    if (!kFree.contains(name)) identity[name] = trimmed(line.substr(equals + 1));
  }
  identity[kImagesPerStep] = std::to_string(images_per_step(options));
  return identity;
}

std::optional<bool> stored_bfloat16(const ResumedRun& resumed, const LoopOptions& options) {
  const auto stored = stored_identity(resumed);
  const auto found = stored.find(kPrecision);
  if (options.amp != "auto" || found == stored.end()) return std::nullopt;
  return found->second == "bfloat16";
}

void add_data(RunIdentity& identity, const datasets::Dataset& train, const datasets::Dataset& val) {
  std::string classes;
  for (const auto& category : train.categories)
    classes += (classes.empty() ? "" : ", ") + std::to_string(category.id) + " " + category.name;
  identity["classes"] = classes;
  identity["training data"] = datasets::fingerprint(train);
  identity["validation data"] = val.images.empty() ? "none" : datasets::fingerprint(val);
}

std::string to_json(const RunIdentity& identity) {
  return nlohmann::json(identity).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void check_identity(ResumedRun& resumed, const RunIdentity& identity, const LoopOptions& options) {
  auto stored = stored_identity(resumed);
  if (!stored.empty()) {  // runs of older versions
    stored.emplace("max-steps", "0");
    stored.emplace("unlabelled data", "none");
  }
  std::vector<std::string> changes, refused;
  for (const auto& [name, value] : stored) {
    const auto found = identity.find(name);
    if (found == identity.end() || found->second == value) continue;
    (kSchedule.contains(name) ? refused : changes)
        .push_back(name + ": was " + value + ", is " + found->second);
  }
  if (!refused.empty())
    throw usage_error("resume: the learning rate of " + resumed.file + " would jump:" +
                      indented(refused) + "\na new run may begin with its weights: --init " +
                      (options.out / "best.safetensors").string());
  if (changes.empty()) return;
  if (!options.take_changes)
    throw usage_error("resume: " + resumed.file + " is of another run:" + indented(changes) +
                      "\npass --override to go on with the new values");
  std::cerr << "note: --override: the run goes on with changes:" << indented(changes) << "\n";
  if (options.max_steps > 0) return;
  const double before = std::stod(stored.at(kImagesPerStep)),
               now = std::stod(identity.at(kImagesPerStep));
  resumed.state.step =
      static_cast<int64_t>(std::llround(static_cast<double>(resumed.state.step) * before / now));
}

}  // namespace lanner::detectors
