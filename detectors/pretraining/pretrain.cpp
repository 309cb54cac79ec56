#include "lanner/detectors/pretraining/pretrain.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "lanner/datasets/checking/fingerprint.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/images/center_crops.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/loading/image_folder.h"
#include "lanner/datasets/reading/unlabelled.h"
#include "lanner/datasets/reports/html.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/flop_count.h"
#include "lanner/detectors/pretraining/cpc.h"
#include "lanner/detectors/pretraining/feature_stats.h"
#include "lanner/detectors/pretraining/visualize.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/training/generator_guard.h"
#include "lanner/detectors/training/loop.h"
#include "lanner/detectors/training/report.h"
#include "lanner/detectors/training/run_identity.h"
#include "lanner/detectors/training/run_record.h"
#include "lanner/detectors/training/schedule.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/detectors/weights/metadata.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

// By name, whatever folders they are in: folders may be labels, and nothing may follow from those.
std::vector<fs::path> files_of(const std::vector<fs::path>& folders) {
  std::vector<fs::path> files;
  for (const auto& folder : folders)
    for (auto& file : datasets::listed_images(folder)) files.push_back(std::move(file));
  if (files.empty()) throw usage_error("images: expected at least one folder, got none");
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(a.filename(), a) < std::pair(b.filename(), b);
  });
  return files;
}

Metadata metadata_for(const PretrainOptions& o) {
  return metadata_of(PretrainedBackbone{.objective = o.objective,
                                        .depth = resnet_depth(o.backbone),
                                        .width = o.width,
                                        .stages = o.built_stages(),
                                        .norm = o.norm,
                                        .image_size = o.crop_size(),
                                        .patch_size = o.patch.size,
                                        .patch_stride = o.patch.stride});
}

// How much one image of a batch changes with another: batch norm lets the network cheat so. Leaves
// its statistics as they are.
double leak(Objective& objective, const at::Tensor& images) {
  const torch::NoGradGuard no_grad;
  auto buffers = objective.buffers();
  std::vector<at::Tensor> kept;
  for (const auto& buffer : buffers) kept.push_back(buffer.clone());
  const auto before = objective.encoder(images)[0];
  auto changed = images.clone();
  changed[1] = changed[1].flip({1}) * 2;
  const auto after = objective.encoder(changed)[0];
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].copy_(kept[i]);
  return ((after - before).norm() / before.norm()).item<double>();
}

// A damaged image is no reason to end hours of training without pictures.
std::vector<datasets::Sample> readable_squares(const std::vector<fs::path>& files, int size) {
  std::vector<datasets::Sample> images;
  for (const auto& file : files) {
    try {
      images.push_back(datasets::center_crops({&file, 1}, size)[0]);
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
  const auto images = readable_squares(some, o.crop_size());
  if (images.size() < 2) return "";
  std::string html = "<h2>What was learned</h2>";
  const auto add = [&](const cv::Mat& sheet, const std::string& name, const std::string& caption) {
    datasets::write_image(o.loop.out / (name + ".png"), sheet);
    html += datasets::html_image(sheet, caption, 1060);
  };
  add(neighbor_sheet(objective.encoder, images), "neighbors",
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

void warn_of_overlap(const PretrainOptions& o) {
  if (o.objective != "cpc" || o.first_distance * o.patch.stride >= o.patch.size) return;
  std::cerr << "warning: first_distance: at " << o.first_distance
            << " a predicted patch shares pixels with patches that are seen; "
            << (o.patch.size - 1) / o.patch.stride + 1 << " would not\n";
}

at::Tensor scalar(double value) { return torch::tensor(value); }

// One batch of a contrastive objective, and what is logged of it.
class ContrastiveStep {
 public:
  ContrastiveStep(Objective& objective, datasets::Loader& loader, const PretrainOptions& options,
                  const torch::Device& device, bool bfloat16, int64_t first_index, double peak)
      : objective_(objective),
        loader_(loader),
        options_(options),
        device_(device),
        bfloat16_(bfloat16),
        first_index_(first_index),
        peak_(peak) {}

  StepResult operator()(int64_t index, double progress) {
    const double asked = seconds();
    const auto batch = *loader_.next();
    const double waited = seconds() - asked;
    const auto images = batch.images.to(device_);
    const Autocast autocast(bfloat16_, device_.type());
    if (index == 0 && options_.norm == Norm::batch && options_.objective != "regions")
      warn_of_leak(images);
    count_flops(index);
    ++batches_;
    const auto result = objective_.forward(images);
    const double ln_n = std::log(static_cast<double>(result.candidates));
    StepResult out{.loss = result.loss,
                   .metrics = {{"ln_n", scalar(ln_n)},
                               {"accuracy", result.accuracy},
                               {"information_bound", ln_n - result.loss.detach()}},
                   .log_only = result.parts,
                   .images = options_.loop.batch_size,
                   .paths = batch.paths,
                   .data_time = waited};
    // The statistics take time: for the steps that are logged alone.
    const int64_t step = index / options_.loop.accumulate;
    if ((step + 1) % options_.loop.log_every == 0)
      add_statistics(result, ln_n, step, progress, out);
    return out;
  }

 private:
  // Of the first batch, backward pass included.
  void count_flops(int64_t index) {
    if (count_) {
      flops_ = count_->total();
      count_.reset();
    }
    if (index == first_index_) count_.emplace();
  }

  void warn_of_leak(const at::Tensor& images) {
    std::cerr << "warning: norm: batch norm leaks between the patches of a batch: one changes "
              << "another's features by " << std::lround(100 * leak(objective_, images))
              << " % here; layer does not\n";
  }

  void add_statistics(const ContrastiveResult& result, double ln_n, int64_t step, double progress,
                      StepResult& out) {
    const auto& loop = options_.loop;
    const auto stats = feature_stats(result.features);
    // Features of a network that has hardly been trained are close to each other, too.
    const bool early = step < 100 || warming_up(loop, step, progress);
    if (!collapsed_ && !early && stats.deviation < 0.05 &&
        result.loss.item<double>() > 0.99 * ln_n) {
      collapsed_ = true;
      std::cerr << "warning: lr: at step " << step + 1 << " the features of all images are nearly "
                << "equal (deviation " << stats.deviation << ") and the loss is ln N: this run may "
                << "not learn; a lower lr or a longer warm-up may help\n";
    }
    const double spent = seconds() - std::exchange(logged_at_, seconds());
    const auto batches = static_cast<double>(std::exchange(batches_, 0));
    out.metrics.emplace_back("feature_deviation", scalar(stats.deviation));
    out.metrics.emplace_back("feature_rank", scalar(stats.rank));
    out.metrics.emplace_back("peak_share", scalar(flops_ * batches / spent / peak_));
    if (options_.objective == "cpc")
      out.log_only.emplace_back(
          "patches_per_second",
          scalar(static_cast<double>(result.features.size(0)) * batches / spent));
  }

  Objective& objective_;
  datasets::Loader& loader_;
  const PretrainOptions& options_;
  const torch::Device device_;
  const bool bfloat16_;
  const int64_t first_index_;
  const double peak_;  // FLOP/s of a matrix product
  bool collapsed_ = false;
  double flops_ = 0, logged_at_ = seconds();
  int64_t batches_ = 0;  // since it was logged
  std::optional<FlopCount> count_;
};

}  // namespace

LoopEnd pretrain(const PretrainOptions& options, const std::function<bool()>& stop) {
  options.check();
  join_ranks();
  const auto& loop = options.loop;
  loop.check();
  const auto device = device_from_name(loop.device);
  const auto files = files_of(options.images);
  const int global_batch = loop.batch_size * ranks().size;
  if (std::ssize(files) < global_batch)
    throw usage_error(c10::str("batch_size: expected at most the number of images, ", files.size(),
                               ", got ", global_batch, ranks().size > 1 ? " in all ranks" : ""));
  warn_of_overlap(options);
  auto resumed = read_resumed_run(loop);
  auto identity = identity_of(loop);
  identity["training data"] = datasets::fingerprint(files);
  if (resumed) check_identity(*resumed, identity, loop);
  const int64_t first = resumed ? resumed->state.step : 0;

  const GeneratorGuard generator;
  torch::manual_seed(loop.seed);
  const auto objective = make_objective(options);
  if (!options.init.empty() && !loop.resume)
    std::cerr << describe(load_backbone(*objective, options.init), options.init);
  objective->begin();
  place(*objective, device);

  const int64_t per_epoch = steps_per_epoch(loop, std::ssize(files));
  // Measured before the loader's threads use the processor.
  const auto precision = resumed ? stored_bfloat16(*resumed, loop) : std::nullopt;
  const bool bfloat16 = precision ? *precision : use_bfloat16(loop.amp, device.type());
  identity["precision"] = bfloat16 ? "bfloat16" : "float32";
  record_start(loop, identity, bfloat16);
  const double peak = peak_rate(bfloat16 ? torch::kBFloat16 : torch::kFloat, device);
  std::cerr << files.size() << " images; matrix products run at " << std::llround(peak / 1e9)
            << " GFLOP/s here\n";
  const auto loader = datasets::image_folder_loader(
      files, {.batch_size = global_batch,
              .part = {loop.batch_size * ranks().rank, loop.batch_size},
              .threads = loop.workers,
              .first_batch = first * loop.accumulate,
              .batches = (total_steps(loop, per_epoch) - first) * loop.accumulate,
              .seed = loop.seed,
              .views = objective->views(),
              .size = options.crop_size(),
              .min_crop = options.min_crop,
              .skip_bad_images = loop.on_bad_image == "skip"});
  ContrastiveStep step(*objective, *loader, options, device, bfloat16, first * loop.accumulate,
                       peak);
  TrainingTask task{.name = "pretrain",
                    .module = objective.get(),
                    .steps_per_epoch = per_epoch,
                    .step = std::ref(step),
                    .metadata = metadata_for(options)};
  task.metadata["run"] = to_json(identity);
  const auto end = run_loop(task, loop, std::move(resumed), stop);
  if (!ranks().is_first() || end == LoopEnd::was_over) return end;
  write_report(loop.out, "");
  if (options.show && end == LoopEnd::finished)
    write_report(loop.out, draw_sheets(*objective, files, options));
  return end;
}

}  // namespace lanner::detectors
