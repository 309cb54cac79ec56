#include "lanner/detectors/tuning/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// Options that are the search's own, and what says their values.
const std::map<std::string, std::string> kSearched{{"lr", "--lrs"},
                                                   {"batch_size", "--batch-sizes"},
                                                   {"max_minutes", "--minutes"},
                                                   {"max_steps", "--minutes"},
                                                   {"epochs", "--minutes"},
                                                   {"out", "--out"},
                                                   {"resume", "--resume"},
                                                   {"val", "--val"},
                                                   {"data", "--data"}};

}  // namespace

void apply(const Changes& changes, TrainOptions& options) {
  for (const auto& [path, text] : changes) {
    bool known = false;
    datasets::for_each_field(options,
                             [&](auto& value, const datasets::Field&, const std::string& name) {
                               if (name != path) return;
                               if constexpr (requires { datasets::from_text(path, text, value); }) {
                                 datasets::from_text(path, text, value);
                                 known = true;
                               }
                             });
    if (!known)
      throw usage_error("vary: expected an option of lanner train, such as roi.beta, got \"" +
                        path + "\"");
  }
}

std::vector<Changes> variants(const SearchOptions& search) {
  std::vector<Changes> all{{}};
  for (const auto& entry : search.vary) {
    const auto equals = entry.find('=');
    const auto values = split(equals == std::string::npos ? "" : entry.substr(equals + 1), ',');
    if (values.empty() || equals == 0)
      throw usage_error("vary: expected OPTION=VALUE,VALUE, got \"" + entry + "\"");
    auto path = entry.substr(0, equals);
    std::replace(path.begin(), path.end(), '-', '_');
    if (const auto flag = kSearched.find(path); flag != kSearched.end())
      throw usage_error("vary: expected another option than " + path + ", which " + flag->second +
                        " says");
    std::vector<Changes> longer;
    for (const auto& changes : all)
      for (const auto& value : values) {
        longer.push_back(changes);
        longer.back().emplace_back(path, value);
      }
    all = std::move(longer);
  }
  return all;
}

std::vector<Setting> first_round(const TuneOptions& options, int variants) {
  std::set<double> lrs(options.search.lrs.begin(), options.search.lrs.end());
  std::set<int> batches(options.search.batch_sizes.begin(), options.search.batch_sizes.end());
  const auto& loop = options.train.loop;
  if (lrs.empty())
    for (const double factor : {0.25, 0.5, 1., 2., 4.}) lrs.insert(factor * loop.lr);
  if (batches.empty())
    for (const double factor : {0.5, 1., 2.})
      batches.insert(std::max(1, static_cast<int>(factor * loop.batch_size)));
  if (variants > std::ssize(lrs))
    throw usage_error("vary: expected at most as many combinations of values as learning rates, " +
                      std::to_string(lrs.size()) + ", got " + std::to_string(variants) +
                      ": name more --lrs");
  // A Latin square, so that each batch size sees each variant.
  std::vector<Setting> settings;
  int row = 0;
  for (const double lr : lrs) {
    int column = row++;
    for (const int batch : batches) settings.push_back({lr, batch, column++ % variants});
  }
  return settings;
}

int trials_in_round(int count, int round) {
  return std::max(1, (count + (1 << round) - 1) >> round);
}

double first_minutes(double minutes, int count) {
  double units = 0;
  for (int round = 0; round < 3; ++round) units += trials_in_round(count, round) * (1 << round);
  return minutes / units;
}

}  // namespace lanner::detectors
