#include "lanner/detectors/pretraining/pretrain.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/html.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/image_folder.h"
#include "lanner/datasets/square_images.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/flop_count.h"
#include "lanner/detectors/pretraining/cpc.h"
#include "lanner/detectors/pretraining/sheets.h"
#include "lanner/detectors/pretraining/spread.h"
#include "lanner/detectors/training/autocast.h"
#include "lanner/detectors/training/report.h"
#include "lanner/detectors/training/schedule.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

// By name, whatever folders they are in: folders may be labels, and nothing may follow from those.
std::vector<fs::path> files_of(const std::vector<fs::path>& folders) {
  std::vector<fs::path> files;
  for (const auto& folder : folders)
    for (auto& file : datasets::list_images(folder)) files.push_back(std::move(file));
  if (files.empty()) throw usage_error("images: expected at least one folder, got none");
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(a.filename(), a) < std::pair(b.filename(), b);
  });
  return files;
}

std::map<std::string, std::string> metadata_of(const PretrainOptions& o) {
  return {{"format", "1"},
          {"pretraining", nlohmann::json{{"objective", o.objective},
                                         {"depth", o.depth},
                                         {"stages", o.stages},
                                         {"norm", name_of(o.norm)},
                                         {"image_size", o.image_size},
                                         {"patch_size", o.patch.size},
                                         {"patch_stride", o.patch.stride}}
                              .dump()}};
}

// How much one image of a batch changes with another: batch norm lets the network cheat so.
double leak(Objective& objective, const at::Tensor& images) {
  const torch::NoGradGuard no_grad;
  const auto before = objective.encoder(images)[0];
  auto changed = images.clone();
  changed[1] = changed[1].flip({1}) * 2;
  const auto after = objective.encoder(changed)[0];
  return ((after - before).norm() / before.norm()).item<double>();
}

// A damaged image is no reason to end hours of training without pictures.
std::vector<datasets::Sample> readable_squares(const std::vector<fs::path>& files, int size) {
  std::vector<datasets::Sample> images;
  for (const auto& file : files) {
    try {
      images.push_back(datasets::centre_squares({&file, 1}, size)[0]);
    } catch (const Error&) {
    }
  }
  return images;
}

// Pictures of what was learned, into the run's folder and as a piece of its report.
std::string draw_sheets(Objective& objective, const std::vector<fs::path>& files,
                        const PretrainOptions& o) {
  std::vector<fs::path> some;
  const size_t count = std::min<size_t>(files.size(), 200);
  for (size_t i = 0; i < count; ++i) some.push_back(files[i * files.size() / count]);
  const auto images = readable_squares(some, o.image_size);
  if (images.size() < 2) return "";
  std::string html = "<h2>What was learned</h2>";
  const auto add = [&](const cv::Mat& sheet, const std::string& name, const std::string& caption) {
    datasets::write_image(o.loop.out / (name + ".png"), sheet);
    html += datasets::html_image(sheet, caption, 1060);
  };
  add(neighbour_sheet(objective.encoder, images), "neighbours",
      "An image a row, then those whose features are nearest");
  if (auto* cpc = dynamic_cast<Cpc*>(&objective)) {
    const std::vector<datasets::Sample> asked(images.begin(),
                                              images.begin() + std::min<size_t>(images.size(), 32));
    add(prediction_sheet(*cpc, asked, o.patch, o.first_distance), "predictions",
        "What is seen (blue) and asked for (green), then the patches that answer best: green is "
        "right, yellow of the same image");
  }
  return html;
}

}  // namespace

LoopEnd pretrain(const PretrainOptions& options, const std::function<bool()>& stop) {
  const auto& loop = options.loop;
  loop.check();
  const auto device = device_from_name(loop.device);
  const auto files = files_of(options.images);
  if (std::ssize(files) < loop.batch_size)
    throw usage_error(c10::str("batch-size: expected at most the number of images, ", files.size(),
                               ", got ", loop.batch_size));
  if (options.objective == "cpc" &&
      options.first_distance * options.patch.stride < options.patch.size)
    std::cerr << "warning: first-distance: at " << options.first_distance
              << " a predicted patch shares pixels with those that are seen; "
              << (options.patch.size - 1) / options.patch.stride + 1 << " would not\n";
  const int64_t first = resume_step(loop);
  torch::manual_seed(loop.seed);
  const auto objective = make_objective(options);
  if (!options.init.empty() && !loop.resume) {
    const auto transfer = load_backbone(*objective, options.init);
    std::cerr << describe(transfer, options.init);
  }
  place(*objective, device);

  // Measured before the loader's threads want the processor.
  const bool bfloat16 = bfloat16_wanted(loop.amp, device.type());
  const double peak = peak_rate(bfloat16 ? torch::kBFloat16 : torch::kFloat, device);
  std::cerr << files.size() << " images; matrix products run at " << std::llround(peak / 1e9)
            << " GFLOP/s here\n";

  const int64_t per_epoch =
      std::max<int64_t>(1, static_cast<int64_t>(files.size()) / loop.batch_size);
  const auto loader =
      datasets::image_folder_loader(files, {.batch_size = loop.batch_size,
                                            .threads = loop.workers,
                                            .first_batch = first,
                                            .batches = per_epoch * loop.epochs - first,
                                            .seed = loop.seed,
                                            .views = objective->views(),
                                            .size = options.image_size,
                                            .smallest_crop = options.smallest_crop,
                                            .skip_bad_images = loop.on_bad_image == "skip"});
  Task task;
  task.name = "pretrain";
  task.module = objective.get();
  task.steps_per_epoch = per_epoch;
  task.metadata = metadata_of(options);
  bool collapsed = false;
  double flops = 0, logged = seconds();
  std::optional<FlopCount> count;  // of the first step, backward pass included
  task.step = [&](int64_t step, double progress) {
    const double asked = seconds();
    const auto batch = *loader->next();
    const double waited = seconds() - asked;
    const auto images = batch.images.to(device);
    const Autocast autocast(bfloat16, device.type());
    if (step == first && options.norm == Norm::batch)
      std::cerr << "warning: norm: batch norm leaks between the patches of a batch: one changes "
                << "another's features by " << std::lround(100 * leak(*objective, images))
                << " % here; layer does not\n";
    if (count) {
      flops = count->total();
      count.reset();
    }
    if (step == first) count.emplace();
    const auto result = objective->forward(images);
    const double ln_n = std::log(static_cast<double>(result.candidates));
    const auto scalar = [](double value) { return torch::tensor(value); };
    StepResult out{result.loss,
                   {{"ln_n", scalar(ln_n)},
                    {"accuracy", result.accuracy},
                    {"information_bound", ln_n - result.loss.detach()}},
                   result.parts,
                   loop.batch_size,
                   batch.paths,
                   waited};
    if ((step + 1) % loop.log_every) return out;  // what follows takes time
    const auto spread = feature_spread(result.features);
    // Features of a network that has hardly been trained are near each other, too.
    const bool early = step < 100 || warming_up(loop, step, progress);
    if (!collapsed && !early && spread.deviation < 0.05 &&
        result.loss.item<double>() > 0.99 * ln_n) {
      collapsed = true;
      std::cerr << "warning: lr: at step " << step + 1 << " the features of all are nearly one"
                << " (deviation " << spread.deviation << ") and the loss is at ln N: a smaller lr"
                << " or a longer warm-up learns where this may not\n";
    }
    const double spent = seconds() - std::exchange(logged, seconds());
    out.shown.emplace_back("feature_deviation", scalar(spread.deviation));
    out.shown.emplace_back("feature_rank", scalar(spread.rank));
    out.shown.emplace_back("peak_share", scalar(flops * loop.log_every / spent / peak));
    if (options.objective == "cpc")
      out.logged.emplace_back(
          "patches_per_second",
          scalar(static_cast<double>(result.features.size(0) * loop.log_every) / spent));
    return out;
  };
  const auto end = run_loop(task, loop, stop);
  write_report(loop.out, "");
  if (options.show && end == LoopEnd::finished)
    write_report(loop.out, draw_sheets(*objective, files, options));
  return end;
}

}  // namespace lanner::detectors
