#include "lanner/detectors/pseudo_labels/self_training.h"

#include <array>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/visualize.h"
#include "lanner/datasets/reading/unlabelled.h"
#include "lanner/datasets/reports/html.h"
#include "lanner/detectors/autocast.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/ops/boxes.h"

namespace lanner::detectors {
namespace {

constexpr int64_t kCountedViews = 400;  // of labeled images, to learn how many objects a view has
constexpr double kMemory = 0.99;        // of what is measured, per view
constexpr int64_t kDrawn = 12;          // views

datasets::TrainingSampleOptions unlabelled_samples(datasets::TrainingSampleOptions samples,
                                                   const TrainOptions& options) {
  const double per_rank = std::round(options.unlabelled_ratio * options.loop.batch_size);
  const int count = std::max(1, static_cast<int>(per_rank));
  samples.batch_size = count * ranks().size;
  samples.part = {count * ranks().rank, count};
  samples.seed ^= 0x0DDBA11;
  samples.crop_anywhere = true;
  // The weak view: flipped and scaled, and nothing else.
  const auto& given = options.augment;
  samples.augment = {.horizontal_flip = given.horizontal_flip,
                     .vertical_flip = given.vertical_flip,
                     .scale_jitter = given.scale_jitter,
                     .object_crop = given.object_crop};
  return samples;
}

// Before the burn-in, not after it.
void refuse_unreadable(const datasets::Dataset& images) {
  std::string files;
  int count = 0;
  for (const auto& image : images.images)
    if (image.width == 0 && ++count <= 5) files += "\n  " + image.path.string();
  if (count > 0)
    throw bad_data("unlabelled: " + std::to_string(count) + " of " +
                   std::to_string(images.images.size()) +
                   " images cannot be read (--on-bad-image skip leaves them out):" + files);
}

Detector make_teacher(const DetectorOptions& options, const torch::Device& device) {
  Detector teacher(options);
  for (auto& parameter : teacher->parameters()) parameter.set_requires_grad(false);
  place(*teacher, device);
  teacher->eval();
  return teacher;
}

at::Tensor scalar(double value) { return torch::tensor(value); }

cv::Mat picture(const at::Tensor& image, const datasets::ImageSize& size,
                const datasets::Normalization& normalization) {
  const auto mean = torch::tensor(at::ArrayRef<float>(normalization.mean)).view({3, 1, 1}),
             std = torch::tensor(at::ArrayRef<float>(normalization.std)).view({3, 1, 1});
  const auto pixels = (image.slice(1, 0, size.height).slice(2, 0, size.width).cpu() * std + mean)
                          .mul(255)
                          .clamp(0, 255)
                          .permute({1, 2, 0})
                          .to(torch::kByte)
                          .contiguous();
  return cv::Mat(static_cast<int>(size.height), static_cast<int>(size.width), CV_8UC3,
                 pixels.data_ptr())
      .clone();
}

}  // namespace

datasets::Dataset open_unlabelled(const TrainOptions& options, const datasets::Dataset& train,
                                  const datasets::Dataset& val) {
  const std::array<const datasets::Dataset*, 2> labelled{&train, &val};
  auto images = datasets::open_unlabelled(options.unlabelled, labelled);
  if (options.loop.on_bad_image == "stop") refuse_unreadable(images);
  if (!options.pseudo.truth.empty())
    datasets::add_truth(images, datasets::open_dataset(options.pseudo.truth, options.image_root,
                                                       &train.categories));
  return images;
}

SelfTraining::SelfTraining(const TrainOptions& options, const datasets::Dataset& train,
                           const datasets::Dataset& unlabelled, const DetectorOptions& detector,
                           const datasets::TrainingSampleOptions& samples, int64_t batches,
                           bool bfloat16)
    : options_(options),
      samples_(unlabelled_samples(samples, options)),
      batches_(batches),
      bfloat16_(bfloat16),
      images_(unlabelled),
      teacher_(make_teacher(detector, device_from_name(options.loop.device))),
      measured_(train.categories.size() + 1) {
  thresholds_.emplace(objects_per_view(train), options.pseudo);
  std::cerr << images_.images.size() << " unlabeled images; a view is expected to hold";
  for (size_t c = 0; c < train.categories.size(); ++c)
    std::cerr << (c ? ", " : " ") << std::setprecision(2)
              << thresholds_->expected(static_cast<int64_t>(c) + 1) << " "
              << train.categories[c].name;
  std::cerr << "\n";
}

// Labeled images are loaded as if they had no labels, to count what those say.
std::vector<double> SelfTraining::objects_per_view(const datasets::Dataset& train) const {
  std::vector<double> counts(train.categories.size());
  auto samples = samples_;
  samples.batch_size = 1, samples.part = {};
  const auto images = std::ssize(train.images);
  if (samples.augment.object_crop == 0) {  // views are whole images
    for (const auto& image : train.images)
      for (const auto& object : image.objects)
        if (!object.crowd) counts[object.label - 1] += 1. / static_cast<double>(images);
    return counts;
  }
  datasets::TrainingSamples source(train, samples);
  const int64_t counted = images < kCountedViews ? kCountedViews / images * images : kCountedViews;
  for (int64_t i = 0; i < counted; ++i)
    for (const auto& object : source.batch(i).front().objects)
      if (!object.crowd) counts[object.label - 1] += 1. / static_cast<double>(counted);
  return counts;
}

void SelfTraining::add_losses(StepResult& result, Detector& student, int64_t batch,
                              double progress) {
  if (progress < options_.pseudo.burn_in) return;
  if (!loader_)
    loader_ = datasets::view_pair_loader(images_, samples_, options_.pseudo.strong,
                                         {.threads = options_.loop.workers,
                                          .first_batch = batch,
                                          .batches = batches_ - batch,
                                          .normalization = student->options.normalization});
  const double asked = seconds();
  auto pairs = *loader_->next();
  result.data_time += seconds() - asked;
  const auto device = result.loss.device();
  place(pairs.weak, device);
  place(pairs.strong, device);
  const Autocast autocast(bfloat16_, device.type());
  const auto labels = label_views(teacher_, pairs, *thresholds_, options_.pseudo);
  set_pseudo_targets(pairs, labels);
  const auto losses = student->losses(pairs.strong, nullptr, labels.weights);
  result.loss = result.loss + options_.pseudo.weight * losses.total();
  result.images += pairs.strong.size();
  result.paths.insert(result.paths.end(), pairs.strong.paths.begin(), pairs.strong.paths.end());
  result.log_only.emplace_back("pseudo_classifier", losses.classifier.detach());
  result.log_only.emplace_back("pseudo_box_reg", losses.box_reg.detach());
  result.log_only.emplace_back("pseudo_objectness", losses.objectness.detach());
  result.log_only.emplace_back("pseudo_rpn_box_reg", losses.rpn_box_reg.detach());
  measure(pairs, labels);
  const auto& loop = options_.loop;
  if ((batch / loop.accumulate + 1) % loop.log_every == 0) log(result);
  last_ = std::move(pairs);
  last_labels_ = labels;
  last_labels_.weights = {};  // they hold the teacher's features
}

void SelfTraining::measure(const datasets::ViewPairs& pairs, const PseudoLabels& labels) {
  const auto add = [&](std::vector<double>& sums, const at::Tensor& of_labels) {
    const auto counts = of_labels.cpu().bincount({}, std::ssize(sums));
    for (size_t label = 0; label < sums.size(); ++label)
      sums[label] = kMemory * sums[label] + counts[static_cast<int64_t>(label)].item<double>();
  };
  for (size_t n = 0; n < labels.boxes.size(); ++n) {
    measured_.views = kMemory * measured_.views + 1;
    add(measured_.boxes, labels.labels[n]);
    if (options_.pseudo.truth.empty()) continue;
    const auto &truth = pairs.weak.boxes[n], &truth_labels = pairs.weak.labels[n];
    const auto same_class = labels.labels[n].unsqueeze(1) == truth_labels.unsqueeze(0);
    const auto matched = (ops::box_iou(labels.boxes[n], truth) >= 0.5) & same_class;
    add(measured_.objects, truth_labels);
    add(measured_.right, labels.labels[n].masked_select(matched.any(1)));
    add(measured_.found, truth_labels.masked_select(matched.any(0)));
  }
}

void SelfTraining::log(StepResult& result) const {
  const auto& m = measured_;
  const auto thresholds = thresholds_->all();
  for (size_t label = 1; label < m.boxes.size(); ++label) {
    const auto& name = teacher_->options.categories[label - 1].name;
    const auto add = [&](const char* what, double value) {
      result.log_only.emplace_back(std::string("pseudo_") + what + " " + name, scalar(value));
    };
    add("threshold", thresholds[static_cast<int64_t>(label)].item<double>());
    add("boxes", m.boxes[label] / m.views);
    if (options_.pseudo.truth.empty()) continue;
    add("right", m.right[label] / std::max(m.boxes[label], 1e-9));
    add("found", m.found[label] / std::max(m.objects[label], 1e-9));
  }
}

std::string SelfTraining::draw() const {
  if (!last_ || !ranks().is_first()) return "";
  const auto& options = teacher_->options;
  std::vector<cv::Mat> pictures;
  for (int64_t n = 0; n < std::min(kDrawn, last_->weak.size()); ++n) {
    pictures.push_back(picture(last_->weak.images[n], last_->weak.sizes[n], options.normalization));
    std::vector<datasets::Label> boxes;
    const auto all = last_labels_.boxes[n].cpu(), scores = last_labels_.scores[n].cpu();
    const auto labels = last_labels_.labels[n].cpu();
    for (int64_t i = 0; i < all.size(0); ++i) {
      const auto* box = all[i].data_ptr<float>();
      const auto label = labels[i].item<int64_t>();
      std::ostringstream text;
      text << options.categories[label - 1].name << " " << std::fixed << std::setprecision(2)
           << scores[i].item<float>();
      boxes.push_back({{box[0], box[1], box[2], box[3]}, label, text.str()});
    }
    datasets::draw(pictures.back(), boxes);
  }
  const auto sheet = datasets::contact_sheet(pictures, std::min<int>(4, pictures.size()), 320);
  const auto& out = options_.loop.out;
  if (!std::filesystem::exists(out / "pseudo_labels_first.png"))
    datasets::write_image(out / "pseudo_labels_first.png", sheet);
  datasets::write_image(out / "pseudo_labels.png", sheet);
  return "<h2>Pseudo-labels</h2>" +
         datasets::html_image(sheet, "The latest boxes of the teacher on unlabeled images", 1060);
}

}  // namespace lanner::detectors
