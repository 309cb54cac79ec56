#include "tools/bench/bench.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/loading/loader.h"
#include "lanner/datasets/synthetic.h"
#include "tools/bench/process.h"
#include "tools/bench/python_baseline.h"
#include "tools/bench/scratch.h"
#include "tools/bench/timing.h"

namespace lanner::tools {
namespace {

constexpr int kImages = 64;

double cpu_milliseconds() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// The median CPU time per image, in milliseconds. make: returns a loader of one epoch.
template <typename Make>
double milliseconds_per_image(const Make& make, int64_t runs) {
  std::vector<double> times;
  for (int64_t run = 0; run <= runs; ++run) {
    const auto loader = make();
    int64_t images = 0;
    const double start = cpu_milliseconds();
    while (const auto batch = loader->next()) images += batch->size();
    if (run > 0) times.push_back((cpu_milliseconds() - start) / static_cast<double>(images));
  }
  return median(times);
}

}  // namespace

int bench_loader(const BenchOptions& options) {
  const Scratch scratch;
  datasets::write_synthetic({.out = scratch.path, .images = kImages, .width = 640, .height = 480});
  const auto dataset = datasets::open_dataset(scratch.path.string());
  print_machine("; milliseconds of CPU time per image of 640 x 480");
  const datasets::LoaderOptions one_thread{.threads = 1};
  const datasets::TrainingSampleOptions small{.batch_size = 2, .resize = {320, 400}};
  const datasets::TrainingSampleOptions augmented{
      .batch_size = 2,
      .augment = {.scale_jitter = 0.2, .color_jitter = 0.3, .iou_crop = 0.5, .mosaic = 0.3}};
  const double lanner_ms = milliseconds_per_image(
      [&] { return datasets::evaluation_loader(dataset, 1, {}, one_thread); }, options.runs);
  const auto reference = run_process({LANNER_PYTHON, peer_program("loader.py"),
                                      scratch.path / "JPEGImages", std::to_string(options.runs)});
  nlohmann::json rows{{{"name", "to 1067 x 800, normalized"}, {"ms", lanner_ms}}};
  std::printf("%-44s %8.2f", "to 1067 x 800, normalized", lanner_ms);
  if (reference.code == 0) {
    const double reference_ms = std::stod(reference.output);
    std::printf("   torchvision %8.2f   %.1fx", reference_ms, reference_ms / lanner_ms);
    rows[0]["torchvision_ms"] = reference_ms, rows[0]["ratio"] = reference_ms / lanner_ms;
  }
  std::printf("\n");
  for (const auto& [name, sample_options] :
       {std::pair{"training, 400 x 300, flips", small},
        std::pair{"training, 1067 x 800, all augmentations", augmented}}) {
    const double ms = milliseconds_per_image(
        [&] { return datasets::training_loader(dataset, sample_options, one_thread); },
        options.runs);
    std::printf("%-44s %8.2f\n", name, ms);
    rows.push_back({{"name", name}, {"ms", ms}});
  }
  write_rows(options, rows);
  return 0;
}

}  // namespace lanner::tools
