#include "lanner/detectors/tuning/tuning_report.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "lanner/datasets/files.h"
#include "lanner/datasets/reports/html.h"

namespace lanner::detectors {
namespace {

std::string text(double value) {
  std::ostringstream stream;
  stream << std::setprecision(3) << value;
  return stream.str();
}

std::string text(const Interval& interval) {
  return text(interval.value) + "  [" + text(interval.low) + ", " + text(interval.high) + "]";
}

std::string text(const PowerLaw& law) {
  return text(law.factor) + " x images ^ " + text(law.exponent);
}

std::string summary(const Tuned& tuned, double minutes) {
  std::ostringstream out;
  if (tuned.has_laws)
    out << "best lr          " << text(tuned.lr_law) << "\n"
        << "best batch size  " << text(tuned.batch_law) << "\n";
  out << "for a run of " << text(minutes) << " minutes (" << std::llround(tuned.images)
      << " images), with intervals of 90 %:\n"
      << "  lr          " << text(tuned.lr) << "\n"
      << "  batch size  " << text(tuned.batch_size) << "\n"
      << "  val AP      " << text(tuned.AP()) << "  if it goes on rising as in the trials\n";
  for (const auto& doubt : tuned.doubts) out << "do not trust the fit: " << doubt << "\n";
  if (!tuned.doubts.empty())
    out << "lr and batch size are those of the best of the longest trials instead\n";
  return out.str();
}

nlohmann::json to_json(const Interval& interval) {
  return {{"value", interval.value}, {"low", interval.low}, {"high", interval.high}};
}

nlohmann::json to_json(const PowerLaw& law) {
  return {{"factor", law.factor}, {"exponent", law.exponent}};
}

// Losses over log10(lr), measured and fitted, for each round, at the batch size that is predicted
// for the run or the nearest that was tried.
std::string loss_chart(const std::vector<Trial>& trials, const Tuned& tuned) {
  std::vector<Trial> finite;
  std::set<double> lrs;
  for (const auto& trial : trials)
    if (std::isfinite(trial.loss)) finite.push_back(trial), lrs.insert(std::log10(trial.lr));
  const LossSurface surface(learned(trials));
  const auto distance = [&](const Trial& trial) {
    return std::abs(std::log(trial.batch_size / tuned.batch_size.value));
  };
  const double batch = std::min_element(finite.begin(), finite.end(), [&](auto& a, auto& b) {
                         return distance(a) < distance(b);
                       })->batch_size;
  datasets::Chart chart{.title = "1 - AP on val at a batch size of " + text(batch),
                        .x = "log10(lr)",
                        .y = "",
                        .series = {},
                        .from_zero = false};
  std::set<int> rounds;
  for (const auto& trial : finite) rounds.insert(trial.round);
  for (const int round : rounds) {
    datasets::Series measured, fitted;
    double images = 0, count = 0;
    for (const auto& trial : finite) {
      if (trial.round != round) continue;
      images += trial.images, ++count;
      if (trial.batch_size == batch) measured.points.emplace_back(std::log10(trial.lr), trial.loss);
    }
    std::sort(measured.points.begin(), measured.points.end());
    const auto name = std::to_string(std::llround(images / count)) + " images";
    measured.name = name, fitted.name = name + ", fit";
    for (int i = 0; i <= 40; ++i) {
      const double lr = *lrs.begin() + (*lrs.rbegin() - *lrs.begin()) * i / 40;
      fitted.points.emplace_back(
          lr, surface.loss(std::pow(10, lr), batch, images / count, tuned.variant));
    }
    chart.series.push_back(measured), chart.series.push_back(fitted);
  }
  return datasets::line_chart(chart);
}

std::string law_chart(const std::vector<Trial>& trials, const Tuned& tuned) {
  if (!tuned.has_laws) return "";
  double shortest = tuned.images;
  for (const auto& trial : trials)
    if (trial.images > 0) shortest = std::min(shortest, trial.images);
  datasets::Series lr{"log10(lr)", {}};
  for (int i = 0; i <= 40; ++i) {
    const double images = shortest * std::pow(tuned.images / shortest, i / 40.);
    lr.points.emplace_back(std::log10(images), std::log10(tuned.lr_law.at(images)));
  }
  return datasets::line_chart({.title = "best learning rate",
                               .x = "log10(images)",
                               .y = "log10(lr)",
                               .series = {lr},
                               .from_zero = false});
}

std::string trial_table(std::vector<Trial> trials) {
  std::stable_sort(trials.begin(), trials.end(), [](auto& a, auto& b) {
    return std::pair(-a.round, a.loss) < std::pair(-b.round, b.loss);
  });
  std::vector<std::vector<std::string>> rows;
  for (const auto& t : trials)
    rows.push_back({std::to_string(t.round + 1), text(t.lr), text(t.batch_size),
                    std::to_string(t.variant), text(t.images), text(1 - t.loss)});
  return datasets::html_table({"round", "lr", "batch size", "variant", "images", "val AP"}, rows);
}

}  // namespace

void write_tuning_report(const std::filesystem::path& out, const std::vector<Trial>& trials,
                         const Tuned& tuned, double minutes) {
  const auto words = summary(tuned, minutes);
  std::cout << words;
  datasets::write_file(
      out / "tune.html",
      datasets::html_page("lanner tune", "<pre>" + datasets::escape_html(words) + "</pre>" +
                                             loss_chart(trials, tuned) + law_chart(trials, tuned) +
                                             "<h2>Trials</h2>" + trial_table(trials)));
  nlohmann::json json{{"minutes", minutes},        {"images", tuned.images},
                      {"lr", to_json(tuned.lr)},   {"batch_size", to_json(tuned.batch_size)},
                      {"AP", to_json(tuned.AP())}, {"doubts", tuned.doubts}};
  if (tuned.has_laws)
    json["lr_law"] = to_json(tuned.lr_law), json["batch_law"] = to_json(tuned.batch_law);
  datasets::write_file(out / "tune.json", json.dump(2) + "\n");
}

}  // namespace lanner::detectors
