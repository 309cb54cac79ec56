#pragma once

#include <vector>

#include "lanner/detectors/tuning/tune.h"

namespace lanner::detectors {

// The settings of a trial.
struct Setting {
  double lr = 0;
  int batch_size = 0;
  int variant = 0;  // index in variants()

  bool operator==(const Setting&) const = default;
};

// The combinations of the values in SearchOptions::vary. Throws usage_error where an entry is not
// OPTION=VALUE,VALUE.
std::vector<Changes> variants(const SearchOptions& search);

// Sets options by path. Throws usage_error where there is no such option of lanner train, or its
// value is wrong.
void apply(const Changes& changes, TrainOptions& options);

// All pairs of learning rate and batch size; each batch size has each variant. Throws usage_error
// where there are more variants than learning rates.
std::vector<Setting> first_round(const TuneOptions& options, int variants);

// Minutes per trial of the first round, so that three rounds take `minutes`: `count` trials,
// half as many twice as long, a quarter four times as long.
double first_minutes(double minutes, int count);
int trials_in_round(int count, int round);  // round: 0, 1, 2

}  // namespace lanner::detectors
