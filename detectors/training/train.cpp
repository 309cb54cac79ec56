#include "lanner/detectors/training/train.h"

#include <iostream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/evaluation_html.h"
#include "lanner/datasets/html.h"
#include "lanner/datasets/loader.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/evaluate.h"
#include "lanner/detectors/training/autocast.h"
#include "lanner/detectors/training/report.h"

namespace lanner::detectors {
namespace {

void to_device(datasets::Batch& batch, const torch::Device& device) {
  batch.images = batch.images.to(device);
  for (auto& boxes : batch.boxes) boxes = boxes.to(device);
  for (auto& labels : batch.labels) labels = labels.to(device);
}

}  // namespace

LoopEnd train(const TrainOptions& options, const std::function<bool()>& stop) {
  auto loop = options.loop;
  if (!options.detector.backbone.deformable.stages.empty() || options.detector.roi.deformable)
    loop.lr_factors.emplace_back("offset", options.offset_lr);
  loop.check();
  options.augment.check();
  if (!(options.init_lr > 0))
    throw usage_error("init-lr: expected a positive number, got " + c10::str(options.init_lr));
  if (!(options.image_cache >= 0))
    throw usage_error("image-cache: expected 0 or more, got " + c10::str(options.image_cache));
  auto trial = options.detector;  // what it is made of is wrong sooner than its data
  trial.categories.push_back({1, "any"});
  trial.check();
  const auto device = device_from_name(loop.device);
  const auto data = datasets::open_dataset(options.data, options.image_root);
  datasets::Dataset val;
  if (!options.val.empty())
    val = datasets::open_dataset(options.val, options.image_root, &data.categories);

  auto detector_options = options.detector;
  detector_options.categories = data.categories;
  if (data.categories.empty()) throw bad_data(options.data + ": holds no objects to learn from");
  torch::manual_seed(loop.seed);
  Detector detector(detector_options);
  std::string transferred;
  if (!options.init.empty() && (!loop.resume || options.init_lr != 1)) {
    const auto transfer = load_backbone(*detector, options.init);
    transferred = describe(transfer, options.init);
    std::cerr << transferred;
    const auto parameters = detector->named_parameters();
    for (const auto& name : transfer.loaded)
      if (const auto* parameter = parameters.find(name); parameter && parameter->requires_grad())
        loop.lr_factors.emplace_back(name, options.init_lr);
  }
  place(*detector, device);

  // Measured before the loader's threads want the processor.
  const bool bfloat16 = bfloat16_wanted(loop.amp, device.type());
  const int64_t first = resume_step(loop);
  const int64_t per_epoch =
      std::max<int64_t>(1, static_cast<int64_t>(data.images.size()) / loop.batch_size);
  const auto loader = datasets::training_loader(data,
                                                {.batch_size = loop.batch_size,
                                                 .seed = loop.seed,
                                                 .resize = detector_options.resize,
                                                 .augment = options.augment,
                                                 .skip_bad_images = loop.on_bad_image == "skip",
                                                 .image_cache = options.image_cache},
                                                {.threads = loop.workers,
                                                 .first_batch = first,
                                                 .batches = per_epoch * loop.epochs - first,
                                                 .normalisation = detector_options.normalisation});

  Task task;
  task.name = "train";
  task.module = detector.ptr().get();
  task.steps_per_epoch = per_epoch;
  task.metadata = metadata_of(detector_options);
  task.step = [&](int64_t, double) {
    const auto asked = std::chrono::steady_clock::now();
    auto batch = *loader->next();
    const double waited =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count();
    to_device(batch, device);
    const Autocast autocast(bfloat16, device.type());
    const auto losses = detector->losses(batch);
    return StepResult{losses.total(),
                      {{"loss_classifier", losses.classifier},
                       {"loss_box_reg", losses.box_reg},
                       {"loss_objectness", losses.objectness},
                       {"loss_rpn_box_reg", losses.rpn_box_reg}},
                      {},
                      batch.size(),
                      batch.paths,
                      waited};
  };
  double best_ap = -1;
  std::string best_report;  // of the evaluations of this process
  if (!options.val.empty()) {
    task.evaluations = options.evaluations;
    task.evaluate = [&]() -> std::optional<Task::Evaluation> {
      const Autocast autocast(bfloat16, device.type());
      const auto detections =
          detect_dataset(detector, val, loop.batch_size, loop.workers, {}, stop);
      if (stop()) return std::nullopt;
      const auto metrics = datasets::evaluate_coco(datasets::to_coco(val), detections);
      if (metrics.AP > best_ap) {
        best_ap = metrics.AP;
        best_report = "<h2>The best weights on the validation data</h2>" +
                      datasets::evaluation_html(val, detections);
      }
      return Task::Evaluation{metrics.AP,
                              {{"AP", metrics.AP}, {"AP50", metrics.AP50}, {"AP75", metrics.AP75}}};
    };
  }
  const auto end = run_loop(task, loop, stop);
  if (!transferred.empty())
    best_report += "<h2>Transfer</h2><pre>" + datasets::escape_html(transferred) + "</pre>";
  write_report(loop.out, best_report);
  return end;
}

}  // namespace lanner::detectors
