#include "lanner/detectors/training/train.h"

#include <algorithm>
#include <iostream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/evaluation/error_analysis.h"
#include "lanner/datasets/loading/loader.h"
#include "lanner/datasets/reports/evaluation_html.h"
#include "lanner/datasets/reports/html.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/detect_dataset.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/training/advisor.h"
#include "lanner/detectors/training/generator_guard.h"
#include "lanner/detectors/training/report.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/detectors/weights/metadata.h"

namespace lanner::detectors {
namespace {

using Stop = std::function<bool()>;

struct Data {
  datasets::Dataset train, val;
};

Data open_data(const TrainOptions& options) {
  Data data;
  data.train = datasets::open_dataset(options.data, options.image_root);
  if (std::all_of(data.train.images.begin(), data.train.images.end(),
                  [](const auto& image) { return image.objects.empty(); }))
    throw bad_data(options.data + ": holds no objects to learn from, in " +
                   std::to_string(data.train.images.size()) + " images");
  if (!options.val.empty())
    data.val = datasets::open_dataset(options.val, options.image_root, &data.train.categories);
  return data;
}

// The learning rate factors of the run: what deformable layers need beside those that were given.
LoopOptions loop_options(const TrainOptions& options) {
  auto loop = options.loop;
  if (!options.detector.backbone.deformable.stages.empty() || options.detector.roi.deformable)
    loop.lr_factors.emplace_back("offset", options.offset_lr);
  return loop;
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

void to_device(datasets::Batch& batch, const torch::Device& device) {
  batch.images = batch.images.to(device);
  for (auto& boxes : batch.boxes) boxes = boxes.to(device);
  for (auto& labels : batch.labels) labels = labels.to(device);
}

StepResult detection_step(Detector& detector, datasets::Loader& loader, const torch::Device& device,
                          bool bfloat16, Gauges* gauges) {
  const double asked = seconds();
  auto batch = *loader.next();
  const double waited = seconds() - asked;
  to_device(batch, device);
  const Autocast autocast(bfloat16, device.type());
  const auto losses = detector->losses(batch, gauges);
  NamedScalars log_only;
  if (gauges)
    for (const auto& [name, value] : gauges->metrics())
      log_only.emplace_back(name, torch::tensor(value));
  return {.loss = losses.total(),
          .metrics = {{"loss_classifier", losses.classifier},
                      {"loss_box_reg", losses.box_reg},
                      {"loss_objectness", losses.objectness},
                      {"loss_rpn_box_reg", losses.rpn_box_reg}},
          .log_only = std::move(log_only),
          .images = batch.size(),
          .paths = batch.paths,
          .data_time = waited};
}

// Evaluates on val, has the advisor judge it, and keeps the report of the best evaluation of this
// process.
class Validation {
 public:
  Validation(Detector& detector, const Data& data, const LoopOptions& loop, bool bfloat16,
             Advisor& advisor, const Stop& stop)
      : detector_(detector),
        val_(data.val),
        train_(datasets::evenly_spaced(data.train, kTrainImages)),
        loop_(loop),
        bfloat16_(bfloat16),
        advisor_(advisor),
        stop_(stop) {}

  std::optional<Evaluation> operator()() {
    const auto device = detector_->parameters().front().device();
    const Autocast autocast(bfloat16_, device.type());
    const auto detections = detect(val_);
    if (stop_()) return std::nullopt;
    const auto truth = datasets::to_coco(val_);
    const auto metrics = datasets::evaluate_coco(truth, detections);
    EvaluationSummary summary{.val_AP50 = metrics.AP50, .val_AP75 = metrics.AP75};
    if (metrics.AP50 >= 0 && metrics.AP50 < kPoor) {
      summary.train_AP50 = train_AP50();
      if (stop_()) return std::nullopt;
      const auto errors = datasets::analyze_errors(truth, detections, metrics);
      summary.localization_gain = errors.kinds[int(datasets::ErrorKind::localization)].ap_gain;
    }
    advisor_.evaluated(summary);
    if (metrics.AP > best_) {
      best_ = metrics.AP;
      report_ = "<h2>The best weights on the validation data</h2>" +
                datasets::evaluation_html(val_, detections);
    }
    return Evaluation{metrics.AP,
                      {{"AP", metrics.AP}, {"AP50", metrics.AP50}, {"AP75", metrics.AP75}}};
  }
  const std::string& report() const { return report_; }

 private:
  static constexpr size_t kTrainImages = 40;  // that are evaluated where val is poor
  static constexpr double kPoor = 0.5;        // AP50

  // On a part of train; -1 where that cannot be measured.
  double train_AP50() {
    try {
      return datasets::evaluate_coco(datasets::to_coco(train_), detect(train_)).AP50;
    } catch (const Error&) {  // an image that the run skips (on_bad_image)
      return -1;
    }
  }

  std::vector<datasets::CocoDetection> detect(const datasets::Dataset& data) {
    return detect_dataset(detector_, data, loop_.batch_size, loop_.workers, {}, stop_);
  }

  Detector& detector_;
  const datasets::Dataset& val_;
  datasets::Dataset train_;
  const LoopOptions& loop_;
  bool bfloat16_;
  Advisor& advisor_;
  const Stop& stop_;
  double best_ = -1;
  std::string report_;
};

}  // namespace

void TrainOptions::check() const {
  loop_options(*this).check();
  datasets::check_fields(*this);
  auto trial = detector;  // wrong options show before the data is read, which has the categories
  trial.categories.push_back({1, "any"});
  trial.check();
}

LoopEnd train(const TrainOptions& options, const Stop& stop) {
  options.check();
  auto loop = loop_options(options);
  const auto device = device_from_name(loop.device);
  const auto data = open_data(options);
  auto resumed = read_resumed_run(loop);

  const GeneratorGuard generator;
  auto detector_options = options.detector;
  detector_options.categories = data.train.categories;
  torch::manual_seed(loop.seed);
  Detector detector(detector_options);
  const auto transferred = load_init(detector, options, loop);
  place(*detector, device);

  // Measured before the loader's threads use the processor.
  const bool bfloat16 = use_bfloat16(loop.amp, device.type());
  const int64_t first = resumed ? resumed->state.step : 0;
  const int64_t per_epoch = std::max<int64_t>(1, std::ssize(data.train.images) / loop.batch_size);
  const auto loader = datasets::training_loader(data.train,
                                                {.batch_size = loop.batch_size,
                                                 .seed = loop.seed,
                                                 .resize = detector_options.resize,
                                                 .augment = options.augment,
                                                 .skip_bad_images = loop.on_bad_image == "skip",
                                                 .image_cache = options.image_cache},
                                                {.threads = loop.workers,
                                                 .first_batch = first,
                                                 .batches = per_epoch * loop.epochs - first,
                                                 .normalization = detector_options.normalization});
  Advisor advisor(options, data.train, data.val);
  Validation validation(detector, data, loop, bfloat16, advisor, stop);
  TrainingTask task{
      .name = "train",
      .module = detector.ptr().get(),
      .steps_per_epoch = per_epoch,
      .step =
          [&](int64_t step, double progress) {
            advisor.begin_step(step, progress, *detector);
            Gauges gauges;
            const bool observed = advisor.observes(step);
            auto result =
                detection_step(detector, *loader, device, bfloat16, observed ? &gauges : nullptr);
            if (observed)
              advisor.observe(step, result.loss.item<double>(), result.data_time, gauges);
            return result;
          },
      .metadata = metadata_of(detector_options)};
  if (!options.val.empty()) {
    task.evaluations = options.evaluations;
    task.evaluate = std::ref(validation);
  }
  const auto end = run_loop(task, loop, std::move(resumed), stop);
  auto report = advisor.html() + validation.report();
  if (!transferred.empty())
    report += "<h2>Transfer</h2><pre>" + datasets::escape_html(transferred) + "</pre>";
  write_report(loop.out, report);
  return end;
}

}  // namespace lanner::detectors
