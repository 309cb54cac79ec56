#include "lanner/detectors/tuning/fit.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <opencv2/core.hpp>
#include <random>
#include <sstream>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

constexpr int kResamplings = 200;
constexpr double kFarFromBest = 0.15;  // of log(loss): half of the weight is gone
constexpr double kLearned = 0.25;      // of the AP of the best of the round
constexpr double kMaxExcess = 0.1;
constexpr int kRefits = 20;
constexpr int kGrid = 41;  // steps per axis in the search for the lowest loss

// Coefficients in the order of features().
enum { kConstant, kImages, kLr, kLrLr, kLrImages, kBatch, kBatchBatch, kBatchImages, kLrBatch };

const Trial& best_of_round(const std::vector<Trial>& trials, int round) {
  const Trial* best = nullptr;
  for (const auto& trial : trials)
    if (trial.round == round && (!best || trial.loss < best->loss)) best = &trial;
  return *best;
}

// The best trial of the last round.
const Trial& best_of_last_round(const std::vector<Trial>& trials) {
  const auto last = std::max_element(trials.begin(), trials.end(),
                                     [](auto& a, auto& b) { return a.round < b.round; });
  return best_of_round(trials, last->round);
}

Interval interval(double value, std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double part) {
    return samples[static_cast<size_t>(part * static_cast<double>(samples.size() - 1))];
  };
  return {value, std::min(value, at(0.05)), std::max(value, at(0.95))};
}

}  // namespace

std::vector<Trial> learned(const std::vector<Trial>& trials) {
  std::vector<Trial> kept;
  for (const auto& trial : trials) {
    if (!std::isfinite(trial.loss) || trial.loss <= 0) continue;
    const double best = best_of_round(trials, trial.round).loss;
    if (trial.loss <= std::max(best, 1 - kLearned * (1 - best))) kept.push_back(trial);
  }
  return kept;
}

double PowerLaw::at(double images) const { return factor * std::pow(images, exponent); }

LossSurface::LossSurface(const std::vector<Trial>& trials) {
  lr_range_[0] = batch_range_[0] = INFINITY, lr_range_[1] = batch_range_[1] = -INFINITY;
  for (const auto& trial : trials) {
    const double x[3] = {std::log(trial.lr), std::log(trial.batch_size), std::log(trial.images)};
    for (int i = 0; i < 3; ++i) center_[i] += x[i] / static_cast<double>(trials.size());
    lr_range_[0] = std::min(lr_range_[0], x[0]), lr_range_[1] = std::max(lr_range_[1], x[0]);
    batch_range_[0] = std::min(batch_range_[0], x[1]);
    batch_range_[1] = std::max(batch_range_[1], x[1]);
    variants_ = std::max(variants_, trial.variant + 1);
  }
  varies_batch_ = batch_range_[1] > batch_range_[0];
  for (const auto& trial : trials) {
    const double distance =
        std::log(trial.loss / best_of_round(trials, trial.round).loss) / kFarFromBest;
    weights_.push_back(1 / (1 + distance * distance));
  }
  // The lowest loss is a power law of the images only with the right coefficient of their square,
  // which follows from the others.
  for (int i = 0; i < kRefits; ++i) {
    solve(trials);
    images_squared_ = has_minimum() ? implied_images_squared() : 0;
  }
  solve(trials);
  double squares = 0, weight = 0;
  for (size_t i = 0; i < trials.size(); ++i) {
    const auto& t = trials[i];
    const double error = std::log(t.loss / loss(t.lr, t.batch_size, t.images, t.variant));
    squares += weights_[i] * error * error, weight += weights_[i];
  }
  // Corrected for the degrees of freedom.
  const double freedom = std::max(1., weight - static_cast<double>(beta_.size()));
  residual_ = std::sqrt(squares / freedom);
}

void LossSurface::solve(const std::vector<Trial>& trials) {
  cv::Mat_<double> a, b;
  for (size_t i = 0; i < trials.size(); ++i) {
    const auto& t = trials[i];
    const double scale = std::sqrt(weights_[i]);
    auto row = features(t.lr, t.batch_size, t.images, t.variant);
    for (auto& value : row) value *= scale;
    a.push_back(cv::Mat_<double>(row, true).reshape(1, 1));
    const double c = std::log(t.images) - center_[2];
    b.push_back(scale * (std::log(t.loss) - images_squared_ * c * c));
  }
  // Of fewer trials than coefficients, the smallest solution; predict() doubts it.
  while (a.rows < a.cols) {
    a.push_back(cv::Mat_<double>::zeros(1, a.cols));
    b.push_back(0.);
  }
  cv::Mat_<double> solution;
  cv::solve(a, b, solution, cv::DECOMP_SVD);
  beta_.assign(solution.begin(), solution.end());
}

// Half of h' H^-1 h, with the Hessian H by log(lr) and log(batch size), and how its gradient
// changes with log(images), h.
double LossSurface::implied_images_squared() const {
  const double lr = beta_[kLrImages];
  if (!varies_batch_) return lr * lr / (4 * beta_[kLrLr]);
  const double batch = beta_[kBatchImages], a = 2 * beta_[kLrLr], b = beta_[kLrBatch],
               d = 2 * beta_[kBatchBatch];
  return (d * lr * lr - 2 * b * lr * batch + a * batch * batch) / (2 * (a * d - b * b));
}

std::vector<double> LossSurface::features(double lr, double batch_size, double images,
                                          int variant) const {
  const double x = std::log(lr) - center_[0], y = std::log(batch_size) - center_[1],
               c = std::log(images) - center_[2];
  std::vector<double> all{1, c, x, x * x, x * c};
  if (varies_batch_) all.insert(all.end(), {y, y * y, y * c, x * y});
  for (int v = 1; v < variants_; ++v) all.push_back(v == variant);
  return all;
}

double LossSurface::loss(double lr, double batch_size, double images, int variant) const {
  const auto row = features(lr, batch_size, images, variant);
  const double c = std::log(images) - center_[2];
  double sum = images_squared_ * c * c;
  for (size_t i = 0; i < row.size(); ++i) sum += row[i] * beta_[i];
  return std::exp(sum);
}

std::pair<double, double> LossSurface::best_lr_and_batch(double images, int variant) const {
  std::pair<double, double> best;
  double lowest = INFINITY;
  for (int i = 0; i < kGrid; ++i)
    for (int j = 0; j < (varies_batch_ ? kGrid : 1); ++j) {
      const double lr = std::exp(lr_range_[0] + (lr_range_[1] - lr_range_[0]) * i / (kGrid - 1.));
      const double batch =
          std::exp(batch_range_[0] + (batch_range_[1] - batch_range_[0]) * j / (kGrid - 1.));
      if (const double value = loss(lr, batch, images, variant); value < lowest)
        lowest = value, best = {lr, batch};
    }
  return best;
}

int LossSurface::best_variant() const {
  int best = 0;
  const size_t first = varies_batch_ ? 9 : 5;
  for (int v = 1; v < variants_; ++v)
    if (beta_[first + v - 1] < (best ? beta_[first + best - 1] : 0)) best = v;
  return best;
}

bool LossSurface::has_lr_minimum() const { return beta_[kLrLr] > 0; }

bool LossSurface::has_minimum() const {
  if (!has_lr_minimum()) return false;
  return !varies_batch_ ||
         4 * beta_[kLrLr] * beta_[kBatchBatch] > beta_[kLrBatch] * beta_[kLrBatch];
}

// Where the gradient by log(lr) and log(batch size) is 0: two linear equations in log(images).
std::pair<PowerLaw, PowerLaw> LossSurface::laws() const {
  const auto solve = [&](double lr_side, double batch_side) {
    if (!varies_batch_) return std::pair{-lr_side / (2 * beta_[kLrLr]), 0.};
    const double a = 2 * beta_[kLrLr], b = beta_[kLrBatch], d = 2 * beta_[kBatchBatch];
    const double determinant = a * d - b * b;
    return std::pair{-(d * lr_side - b * batch_side) / determinant,
                     -(a * batch_side - b * lr_side) / determinant};
  };
  const auto at_center = solve(beta_[kLr], varies_batch_ ? beta_[kBatch] : 0);
  const auto exponent = solve(beta_[kLrImages], varies_batch_ ? beta_[kBatchImages] : 0);
  return {
      {std::exp(center_[0] + at_center.first - exponent.first * center_[2]), exponent.first},
      {std::exp(center_[1] + at_center.second - exponent.second * center_[2]), exponent.second}};
}

namespace {

std::string rounded(double value) {
  std::ostringstream stream;
  stream << std::setprecision(2) << value;
  return stream.str();
}

std::vector<std::string> doubts_of(const LossSurface& surface, const std::vector<Trial>& trials,
                                   const Tuned& tuned) {
  std::vector<std::string> doubts;
  if (trials.size() < surface.coefficients() + 4)
    doubts.push_back(std::to_string(trials.size()) + " trials are few for a fit of " +
                     std::to_string(surface.coefficients()) +
                     " coefficients: allow more --minutes, or more --lrs");
  if (!surface.has_lr_minimum()) doubts.push_back("the loss has no minimum over the learning rate");
  const auto [low, high] = std::minmax_element(trials.begin(), trials.end(),
                                               [](auto& a, auto& b) { return a.lr < b.lr; });
  if (tuned.lr.value < 1.05 * low->lr || tuned.lr.value > 0.95 * high->lr)
    doubts.push_back("the best learning rate is at the end of the tested range: widen --lrs");
  if (tuned.excess > kMaxExcess)
    doubts.push_back("1 - AP may be " + rounded(100 * tuned.excess) +
                     " % higher than with the best settings");
  if (surface.residual() > 0.1)
    doubts.push_back("the losses scatter by " + rounded(100 * surface.residual()) +
                     " % around the fit");
  const double longest = best_of_last_round(trials).images;
  if (tuned.images > 10 * longest)
    doubts.push_back("the run is " + rounded(tuned.images / longest) +
                     " times as long as the longest trial");
  return doubts;
}

}  // namespace

Tuned predict(const std::vector<Trial>& all, double images) {
  const auto trials = learned(all);
  if (trials.size() < 2)
    throw bad_data("tune: " + std::to_string(trials.size()) +
                   " trials have a finite loss and learned something; at least two are required");
  const LossSurface surface(trials);
  Tuned tuned{.images = images, .variant = surface.best_variant()};
  const auto [lr, batch] = surface.best_lr_and_batch(images, tuned.variant);

  std::vector<double> lrs, batches, losses, excesses;
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(0, 1);
  for (int i = 0; i < kResamplings; ++i) {
    auto resampled = trials;
    for (auto& t : resampled)
      t.loss = surface.loss(t.lr, t.batch_size, t.images, t.variant) *
               std::exp(surface.residual() * noise(random));
    const LossSurface refit(resampled);
    const auto [one_lr, one_batch] = refit.best_lr_and_batch(images, tuned.variant);
    const double loss = refit.loss(one_lr, one_batch, images, tuned.variant);
    lrs.push_back(one_lr), batches.push_back(one_batch), losses.push_back(loss);
    excesses.push_back(refit.loss(lr, batch, images, tuned.variant) / loss - 1);
  }
  const double loss = surface.loss(lr, batch, images, tuned.variant);
  tuned.lr = interval(lr, lrs), tuned.batch_size = interval(batch, batches);
  tuned.loss = interval(loss, losses);
  tuned.excess = interval(0, excesses).high;
  tuned.has_laws = surface.has_minimum();
  if (tuned.has_laws) std::tie(tuned.lr_law, tuned.batch_law) = surface.laws();
  tuned.doubts = doubts_of(surface, trials, tuned);
  if (!tuned.doubts.empty()) {
    const auto& best = best_of_last_round(trials);
    tuned.lr.value = best.lr, tuned.batch_size.value = best.batch_size;
    tuned.variant = best.variant;
  }
  return tuned;
}

}  // namespace lanner::detectors
