#include "lanner/detectors/training/train.h"

#include <algorithm>
#include <iostream>

#include "lanner/datasets/checking/fingerprint.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/loading/loader.h"
#include "lanner/datasets/reports/html.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/pseudo_labels/self_training.h"
#include "lanner/detectors/training/advisor.h"
#include "lanner/detectors/training/generator_guard.h"
#include "lanner/detectors/training/report.h"
#include "lanner/detectors/training/run_identity.h"
#include "lanner/detectors/training/run_record.h"
#include "lanner/detectors/training/schedule.h"
#include "lanner/detectors/training/validation.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/detectors/weights/metadata.h"

namespace lanner::detectors {
namespace {

struct Data {
  datasets::Dataset train, val, unlabelled;
};

Data open_data(const TrainOptions& options) {
  Data data;
  data.train = datasets::open_dataset(options.data, options.image_root);
  if (!datasets::has_objects(data.train))
    throw bad_data(options.data + ": holds no objects to learn from, in " +
                   std::to_string(data.train.images.size()) + " images");
  if (!options.val.empty())
    data.val = datasets::open_dataset(options.val, options.image_root, &data.train.categories);
  if (!options.val.empty() && !datasets::has_objects(data.val))
    std::cerr << "warning: val: " << options.val << " holds no objects, so that no weights can be "
              << "judged: best.safetensors is of the last evaluation\n";
  if (!options.unlabelled.empty()) data.unlabelled = open_unlabelled(options, data.train, data.val);
  return data;
}

// The learning rate factors of the run: what deformable layers need beside those that were given.
LoopOptions loop_options(const TrainOptions& options) {
  auto loop = options.loop;
  if (!options.detector.backbone.deformable.stages.empty() || options.detector.roi.deformable)
    loop.lr_factors.emplace_back("offset", options.offset_lr);
  return loop;
}

// Nothing is learned from what --pseudo.truth says.
std::string fingerprint_without_truth(datasets::Dataset unlabelled) {
  unlabelled.categories.clear();
  for (auto& image : unlabelled.images) image.objects.clear();
  return datasets::fingerprint(unlabelled);
}

// Of all objects, in a random order: [M, 4], cx, cy, w, h as fractions of the image.
at::Tensor relative_boxes(const datasets::Dataset& data) {
  std::vector<float> values;
  for (const auto& image : data.images)
    for (const auto& [box, label, area, crowd, difficult] : image.objects)
      if (image.width > 0 && image.height > 0 && !crowd)
        values.insert(values.end(), {static_cast<float>((box.x1 + box.x2) / 2 / image.width),
                                     static_cast<float>((box.y1 + box.y2) / 2 / image.height),
                                     static_cast<float>(box.width() / image.width),
                                     static_cast<float>(box.height() / image.height)});
  const auto boxes = torch::tensor(values).view({-1, 4});
  return boxes.index_select(0, torch::randperm(boxes.size(0), torch::kLong));
}

// Loads the backbone of options.init, and gives its parameters their factor. Returns the report.
std::string load_init(Detector& detector, const TrainOptions& options, LoopOptions& loop) {
  if (options.init.empty() || (loop.resume && options.init_lr == 1)) return "";
  const auto transfer = load_matching(*detector, options.init);
  const auto parameters = detector->named_parameters();
  for (const auto& name : transfer.loaded)
    if (const auto* parameter = parameters.find(name); parameter && parameter->requires_grad())
      loop.lr_factors.emplace_back(name, options.init_lr);
  const auto report = describe(transfer, options.init);
  std::cerr << report;
  return report;
}

StepResult detection_step(Detector& detector, datasets::Loader& loader, const torch::Device& device,
                          bool bfloat16, uint64_t first_seed, Gauges* gauges) {
  const double asked = seconds();
  auto batch = *loader.next();
  const double waited = seconds() - asked;
  place(batch, device);
  for (int64_t i = 0; i < batch.size(); ++i) batch.seeds.push_back(first_seed + i);
  const Autocast autocast(bfloat16, device.type());
  const auto losses = detector->losses(batch, gauges);
  NamedScalars log_only;
  if (gauges)
    for (const auto& [name, value] : gauges->metrics())
      log_only.emplace_back(name, torch::tensor(value));
  return {.loss = losses.total(),
          .metrics = losses.named(),
          .log_only = std::move(log_only),
          .images = batch.size(),
          .paths = batch.paths,
          .data_time = waited};
}

}  // namespace

void TrainOptions::check() const {
  loop_options(*this).check();
  datasets::check_fields(*this);
  if (!unlabelled.empty() && loop.ema_decay == 0)
    throw usage_error(
        "ema_decay: expected above 0 with unlabelled images, such as 0.998: the average of the "
        "weights is their teacher");
  if (!unlabelled.empty() && detector.model == "diffusion")
    throw usage_error("unlabelled: expected model faster_rcnn or rfcn, got diffusion");
  datasets::expect(pseudo.min_score <= pseudo.max_score, "pseudo.min_score",
                   "at most pseudo.max_score", pseudo.min_score);
  datasets::expect(pseudo.jitters != 1, "pseudo.jitters", "0, or at least 2", pseudo.jitters);
  auto trial = detector;  // wrong options show before the data is read, which has the categories
  trial.categories.push_back({1, "any"});
  trial.check();
}

LoopEnd train(const TrainOptions& options, const std::function<bool()>& stop) {
  options.check();
  join_ranks();
  auto loop = loop_options(options);
  const auto device = device_from_name(loop.device);
  const auto data = open_data(options);
  auto resumed = read_resumed_run(loop);
  auto identity = identity_of(loop);
  add_data(identity, data.train, data.val);
  identity["unlabelled data"] =
      options.unlabelled.empty() ? "none" : fingerprint_without_truth(data.unlabelled);
  if (resumed) check_identity(*resumed, identity, loop);

  const GeneratorGuard generator;
  auto detector_options = options.detector;
  detector_options.categories = data.train.categories;
  torch::manual_seed(loop.seed);
  Detector detector(detector_options);
  const auto transferred = load_init(detector, options, loop);
  if (!loop.resume) detector->set_prior(relative_boxes(data.train));
  place(*detector, device);

  // Measured before the loader's threads use the processor.
  const auto precision = resumed ? stored_bfloat16(*resumed, loop) : std::nullopt;
  const bool bfloat16 = precision ? *precision : use_bfloat16(loop.amp, device.type());
  identity["precision"] = bfloat16 ? "bfloat16" : "float32";
  record_start(loop, identity, bfloat16);
  const int global_batch = loop.batch_size * ranks().size;
  const int first_of_rank = loop.batch_size * ranks().rank;
  const int64_t per_epoch = steps_per_epoch(loop, std::ssize(data.train.images));
  const int64_t batches = total_steps(loop, per_epoch) * loop.accumulate;
  const datasets::TrainingSampleOptions samples{.batch_size = global_batch,
                                                .part = {first_of_rank, loop.batch_size},
                                                .seed = loop.seed,
                                                .resize = detector_options.resize,
                                                .augment = options.augment,
                                                .skip_bad_images = loop.on_bad_image == "skip",
                                                .image_cache = options.image_cache};
  std::optional<SelfTraining> self_training;
  if (!options.unlabelled.empty())
    self_training.emplace(options, data.train, data.unlabelled, detector_options, samples, batches,
                          bfloat16);
  const int64_t first = resumed ? resumed->state.step * loop.accumulate : 0;
  const auto loader = datasets::training_loader(data.train, samples,
                                                {.threads = loop.workers,
                                                 .first_batch = first,
                                                 .batches = batches - first,
                                                 .normalization = detector_options.normalization});
  Advisor advisor(options, data.train, data.val);
  Validation validation(detector, data.train, data.val, options, bfloat16, advisor, stop);
  const auto train_batch = [&](int64_t batch, double progress) {
    const int64_t step = batch / loop.accumulate;
    const bool is_first = batch % loop.accumulate == 0;  // of the step
    if (is_first) advisor.begin_step(step, progress, *detector);
    Gauges gauges;
    // The gauges are of proposals, which diffusion has none of.
    const bool observed =
        is_first && advisor.observes(step) && detector_options.model != "diffusion";
    // The same for an image whichever rank has it.
    const uint64_t first_seed = (loop.seed << 40) + batch * global_batch + first_of_rank;
    auto result = detection_step(detector, *loader, device, bfloat16, first_seed,
                                 observed ? &gauges : nullptr);
    if (self_training) self_training->add_losses(result, detector, batch, progress);
    if (observed)
      advisor.observe(step, result.loss.item<double>(), result.data_time * loop.accumulate, gauges);
    return result;
  };
  TrainingTask task{.name = "train",
                    .module = detector.ptr().get(),
                    .steps_per_epoch = per_epoch,
                    .step = train_batch,
                    .metadata = metadata_of(detector_options)};
  task.metadata["run"] = to_json(identity);
  if (self_training) {
    task.average = self_training->teacher();
    task.save_state = [&] { return self_training->state(); };
    task.load_state = [&](const SafeTensors& checkpoint, const std::string& file) {
      self_training->load_state(checkpoint, file);
    };
  }
  if (!options.val.empty() && options.evaluations > 0) {
    task.evaluations = options.evaluations;
    task.evaluate = [&](EvaluatedWeights weights) {
      if (self_training) self_training->draw();
      return validation(weights);
    };
  }
  const auto end = run_loop(task, loop, std::move(resumed), stop);
  if (!ranks().is_first() || end == LoopEnd::was_over) return end;
  auto report = advisor.html() + validation.report();
  if (self_training) report += self_training->draw();
  if (!transferred.empty())
    report += "<h2>Transfer</h2><pre>" + datasets::escape_html(transferred) + "</pre>";
  write_report(loop.out, report);
  return end;
}

}  // namespace lanner::detectors
