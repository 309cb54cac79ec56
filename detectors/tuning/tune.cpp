#include "lanner/detectors/tuning/tune.h"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/evaluation/coco_evaluation.h"
#include "lanner/datasets/files.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/detect_dataset.h"
#include "lanner/detectors/training/loop.h"
#include "lanner/detectors/training/run_identity.h"
#include "lanner/detectors/training/schedule.h"
#include "lanner/detectors/training/train.h"
#include "lanner/detectors/tuning/fit.h"
#include "lanner/detectors/tuning/plan.h"
#include "lanner/detectors/tuning/tuning_report.h"
#include "lanner/detectors/weights/checkpoint.h"

namespace lanner::detectors {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kRounds = 3;
constexpr size_t kValImages = 300;  // on which trials are judged
constexpr double kShortMinutes = 1. / 3;
constexpr double kMinLoss = 1e-3;  // the fit takes its logarithm

class Tuner {
 public:
  Tuner(const TuneOptions& options, const std::function<bool()>& stop)
      : options_(options),
        stop_(stop),
        out_(options.train.loop.out),
        variants_(variants(options.search)) {
    for (const auto& changes : variants_) {  // wrong values show before the first trial
      auto trial = options.train;
      apply(changes, trial);
      trial.check();
    }
    const auto train = datasets::open_dataset(options.train.data, options.train.image_root);
    const auto val =
        datasets::open_dataset(options.train.val, options.train.image_root, &train.categories);
    val_ = datasets::evenly_spaced(val, kValImages);
    if (!datasets::has_objects(val_))
      throw bad_data(options.train.val + ": holds no objects to judge the trials by");
    fs::create_directories(out_ / "trials");
    check_search(train, val);
    read_finished();
  }

  LoopEnd operator()(const ConfigWriter& config) {
    auto settings = first_round(options_, static_cast<int>(variants_.size()));
    const auto count = static_cast<int>(settings.size());
    const double minutes = first_minutes(options_.search.minutes, count);
    std::cerr << "tune: " << count << " trials of " << std::setprecision(2) << 60 * minutes
              << " s, " << trials_in_round(count, 1) << " of twice, " << trials_in_round(count, 2)
              << " of four times that\n";
    if (minutes < kShortMinutes)
      std::cerr << "warning: such short trials say little of longer runs: allow more --minutes\n";
    for (int round = 0; round < kRounds; ++round) {
      if (round > 0) settings = best(settings, round - 1, trials_in_round(count, round));
      for (const auto& setting : settings)
        if (!run(setting, round, minutes * (1 << round))) return LoopEnd::stopped;
    }
    datasets::write_file(out_ / "tuned.cfg", config(finish(4 * minutes)));
    std::cout << "lanner train --config " << (out_ / "tuned.cfg").string() << " --out RUN\n";
    return LoopEnd::finished;
  }

 private:
  const Trial* find(const Setting& setting, int round) const {
    for (const auto& trial : finished_)
      if (trial.round == round && trial.lr == setting.lr &&
          trial.batch_size == setting.batch_size && trial.variant == setting.variant)
        return &trial;
    return nullptr;
  }

  // Trials of another search would be taken for those of this one. The length of the run that is
  // predicted may change.
  void check_search(const datasets::Dataset& train, const datasets::Dataset& val) const {
    auto identity = identity_of(options_.train.loop);
    identity.erase("max-minutes");
    add_data(identity, train, val);
    const auto& search = options_.search;
    identity["minutes"] = datasets::to_text(search.minutes);
    identity["lrs"] = datasets::to_text(search.lrs);
    identity["batch-sizes"] = datasets::to_text(search.batch_sizes);
    identity["vary"] = c10::Join(" ", search.vary);
    const auto file = out_ / "search.json";
    if (!fs::exists(file)) return datasets::write_file(file, to_json(identity));
    std::ifstream in(file);
    const auto stored = json::parse(in, nullptr, false);
    std::string changes;
    for (const auto& [name, value] : identity)
      if (const auto was = stored.is_object() ? stored.value(name, "") : ""; was != value)
        changes += "\n  " + name + ": was " + was + ", is " + value;
    if (!changes.empty())
      throw usage_error("resume: the trials in " + out_.string() +
                        " are of another search:" + changes);
  }

  void read_finished() {
    std::ifstream in(out_ / "trials.jsonl");
    for (std::string line; std::getline(in, line);) {
      const auto row = json::parse(line, nullptr, false);
      if (!row.is_object()) continue;  // truncated by a crash
      read_trial(row);
    }
  }

  void read_trial(const json& row) {
    try {
      const auto& loss = row.at("loss");
      finished_.push_back({.round = row.at("round"),
                           .lr = row.at("lr"),
                           .batch_size = row.at("batch_size"),
                           .images = row.at("images"),
                           .loss = loss.is_null() ? INFINITY : loss.get<double>(),
                           .variant = row.at("variant")});
    } catch (const json::exception& error) {
      throw bad_data((out_ / "trials.jsonl").string() + ": " + error.what());
    }
  }

  std::vector<Setting> best(std::vector<Setting> settings, int round, int count) const {
    std::stable_sort(settings.begin(), settings.end(),
                     [&](auto& a, auto& b) { return find(a, round)->loss < find(b, round)->loss; });
    settings.resize(std::min<size_t>(settings.size(), count));
    return settings;
  }

  // Returns false if it was stopped.
  bool run(const Setting& setting, int round, double minutes) {
    if (find(setting, round)) return true;
    auto options = options_.train;
    apply(variants_[setting.variant], options);
    auto& loop = options.loop;
    loop.lr = setting.lr, loop.batch_size = setting.batch_size, loop.max_minutes = minutes;
    loop.epochs = 1'000'000'000;
    loop.out = out_ / "trials" /
               c10::str("round", round + 1, "-lr", datasets::to_text(setting.lr), "-batch",
                        setting.batch_size, "-variant", setting.variant);
    loop.resume = fs::exists(loop.out / "last.safetensors");
    options.val.clear();
    options.evaluations = 0;
    std::cerr << "trial " << finished_.size() + 1 << ": " << describe(setting) << std::endl;
    Trial trial{.round = round,
                .lr = setting.lr,
                .batch_size = double(setting.batch_size),
                .loss = INFINITY,
                .variant = setting.variant};
    try {
      if (train(options, stop_) == LoopEnd::stopped) return false;
      judge(loop, trial);
    } catch (const Diverged& error) {
      std::cerr << error.what() << "\n";
    }
    if (stop_()) return false;
    record(trial, minutes);
    fs::remove_all(loop.out);
    return true;
  }

  void judge(const LoopOptions& loop, Trial& trial) {
    auto detector = load_detector(loop.out / "last.safetensors");
    place(*detector, device_from_name(loop.device));
    detector->eval();
    auto finished = loop;
    finished.resume = true;
    trial.images =
        static_cast<double>(read_resumed_run(finished)->state.step * images_per_step(loop));
    const auto detections = detect_dataset(detector, val_, 4, loop.workers, {}, stop_);
    const double AP = datasets::evaluate_coco(datasets::to_coco(val_), detections).AP;
    // Not the loss: that of a detector which predicts only background is lower than that of one
    // which learns, because the loss of the head grows with what the RPN proposes.
    trial.loss = std::max(kMinLoss, 1 - AP);
  }

  void record(const Trial& trial, double minutes) {
    std::ofstream out(out_ / "trials.jsonl", std::ios::app);
    out << json{{"round", trial.round},     {"lr", trial.lr},     {"batch_size", trial.batch_size},
                {"variant", trial.variant}, {"minutes", minutes}, {"images", trial.images},
                {"loss", trial.loss}}  // null where it is infinite
               .dump()
        << std::endl;
    if (!out) throw io_error((out_ / "trials.jsonl").string() + ": cannot be written");
    finished_.push_back(trial);
    std::cerr << "  1 - AP on val " << std::setprecision(4) << trial.loss << "\n";
  }

  std::string describe(const Setting& setting) const {
    std::ostringstream text;
    text << "lr " << std::setprecision(3) << setting.lr << ", batch " << setting.batch_size;
    for (const auto& [path, value] : variants_[setting.variant])
      text << ", " << path << " " << value;
    return text.str();
  }

  Changes finish(double longest_minutes) {
    double longest = 0;
    for (const auto& trial : finished_) longest = std::max(longest, trial.images);
    const double minutes =
        options_.train.loop.max_minutes > 0 ? options_.train.loop.max_minutes : 4 * longest_minutes;
    const auto tuned = predict(finished_, longest * minutes / longest_minutes);
    write_tuning_report(out_, finished_, tuned, minutes);
    auto changes = variants_[tuned.variant];
    std::ostringstream lr;
    lr << std::setprecision(3) << tuned.lr.value;
    changes.emplace_back("lr", lr.str());
    changes.emplace_back("batch_size", std::to_string(std::lround(tuned.batch_size.value)));
    return changes;
  }

  const TuneOptions& options_;
  const std::function<bool()>& stop_;
  const fs::path out_;
  const std::vector<Changes> variants_;
  datasets::Dataset val_;
  std::vector<Trial> finished_;
};

}  // namespace

void TuneOptions::check() const {
  datasets::check_fields(*this);
  if (train.val.empty()) throw usage_error("val: expected data to judge the trials by, got none");
  if (train.loop.max_steps > 0)
    throw usage_error(
        "max_steps: expected 0, because trials are as long as --minutes allows, got " +
        std::to_string(train.loop.max_steps));
  if (!train.loop.resume && fs::exists(train.loop.out / "trials.jsonl"))
    throw usage_error("out: " + train.loop.out.string() +
                      " already contains trials: pass --resume to continue them, or choose another "
                      "folder");
  auto options = train;
  options.loop.resume = true;  // of the trials, each of which has its own folder
  options.check();
}

LoopEnd tune(const TuneOptions& options, const ConfigWriter& config,
             const std::function<bool()>& stop) {
  options.check();
  return Tuner(options, stop)(config);
}

}  // namespace lanner::detectors
