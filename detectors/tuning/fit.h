#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// How the best learning rate and batch size grow with the length of a run, from short runs: the
// scaling-law method of DeepSeek LLM (arXiv 2401.02954, section 3.1), with images seen as the
// measure of compute, since all runs have the same network and image size.
namespace lanner::detectors {

// A finished short run.
struct Trial {
  int round = 0;  // trials of one round are of the same length, in later ones longer
  double lr = 0, batch_size = 0;
  double images = 0;  // seen in training
  double loss = 0;    // 1 - AP on val, > 0: what is minimized; infinite if the run diverged
  int variant = 0;    // of the other options that vary
};

// The trials whose AP is at least a quarter of the best of their round. The others say that their
// settings are bad, but not how bad: 1 - AP ends at 1, a cliff that no quadratic follows.
std::vector<Trial> learned(const std::vector<Trial>& trials);

// value = factor * images ^ exponent
struct PowerLaw {
  double factor = 0, exponent = 0;
  double at(double images) const;
};

// log(loss) as a function of log(lr), log(batch size) and log(images): quadratic in the first two,
// whose optimum moves linearly with the third, so that it is a power law of the images.
class LossSurface {
 public:
  // Least squares, in which trials far from the best of their round count little.
  explicit LossSurface(const std::vector<Trial>& trials);

  double loss(double lr, double batch_size, double images, int variant = 0) const;
  // The settings of lowest loss inside the tested range, for a variant.
  std::pair<double, double> best_lr_and_batch(double images, int variant = 0) const;
  int best_variant() const;

  bool has_lr_minimum() const;
  bool has_minimum() const;  // in the learning rate, and in the batch size where that varies
  // The settings of lowest loss, inside the tested range or not, for any length of a run: learning
  // rate and batch size. Requires has_minimum().
  std::pair<PowerLaw, PowerLaw> laws() const;
  double residual() const { return residual_; }  // standard deviation of log(loss), weighted
  size_t coefficients() const { return beta_.size(); }

 private:
  void solve(const std::vector<Trial>& trials);
  double implied_images_squared() const;
  std::vector<double> features(double lr, double batch_size, double images, int variant) const;

  bool varies_batch_ = false;
  int variants_ = 1;
  double lr_range_[2], batch_range_[2];  // logarithms
  double center_[3] = {};                // means of the logarithms
  std::vector<double> beta_, weights_;
  double images_squared_ = 0;  // coefficient
  double residual_ = 0;
};

struct Interval {
  double value = 0, low = 0, high = 0;  // 5 and 95 % of the bootstrap
};

// What is predicted for a run that sees `images` images.
struct Tuned {
  double images = 0;
  Interval lr{}, batch_size{}, loss{};
  double excess = 0;  // by which the loss may be above the best's, as a fraction: 95 %
  int variant = 0;
  bool has_laws = false;
  PowerLaw lr_law{}, batch_law{};
  Interval AP() const { return {1 - loss.value, 1 - loss.high, 1 - loss.low}; }
  std::vector<std::string> doubts{};  // why the fit is not to be trusted; empty if it is
};

// Fits the surface to the trials that learned something, and refits it to 200 sets of trials that
// are simulated by it, with the noise of its residuals (seeded). With doubts, `lr` and `batch_size`
// are those of the best trial of the last round. Throws bad_data if there are fewer than two
// such trials.
Tuned predict(const std::vector<Trial>& trials, double images);

}  // namespace lanner::detectors
