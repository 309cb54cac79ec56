#include "tools/bench_loader.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/loader.h"
#include "lanner/datasets/synthetic.h"
#include "tools/process.h"
#include "tools/scratch.h"
#include "tools/timing.h"

namespace lanner::tools {
namespace {

constexpr int kImages = 64;

// Prints the milliseconds of CPU an image, of one thread; the first pass warms up.
constexpr const char* kProgram = R"py(
import pathlib, statistics, sys, time
import torch
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.models.detection.transform import GeneralizedRCNNTransform
torch.set_num_threads(1)
files = sorted(map(str, pathlib.Path(sys.argv[1]).glob("*.jpg")))
transform = GeneralizedRCNNTransform(800, 1333, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
spent = []
for _ in range(1 + int(sys.argv[2])):
    begin = time.process_time()
    for file in files:
        image = decode_jpeg(read_file(file), ImageReadMode.RGB)
        transform([image.float() / 255])
    spent.append(time.process_time() - begin)
print(1e3 * statistics.median(spent[1:]) / len(files))
)py";

double cpu_milliseconds() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// make: gives a loader of one pass.
template <typename Make>
double per_image(const Make& make, int64_t runs) {
  std::vector<double> times;
  for (int64_t run = 0; run <= runs; ++run) {
    const auto loader = make();
    int64_t images = 0;
    const double begin = cpu_milliseconds();
    while (const auto batch = loader->next()) images += batch->size();
    if (run) times.push_back((cpu_milliseconds() - begin) / static_cast<double>(images));
  }
  return median(times);
}

}  // namespace

int bench_loader(const BenchOptions& options) {
  const Scratch scratch;
  datasets::write_synthetic({.out = scratch.path, .images = kImages, .width = 640, .height = 480});
  const auto dataset = datasets::open_dataset(scratch.path.string());
  print_machine("; milliseconds of CPU an image of 640 x 480");
  const datasets::LoaderOptions one_thread{.threads = 1};
  const datasets::TrainingSampleOptions small{.batch_size = 2, .resize = {320, 400}};
  const datasets::TrainingSampleOptions augmented{
      .batch_size = 2,
      .augment = {.scale_jitter = 0.2, .colour_jitter = 0.3, .iou_crop = 0.5, .mosaic = 0.3}};
  const double mine = per_image(
      [&] { return datasets::evaluation_loader(dataset, 1, {}, one_thread); }, options.runs);
  const auto peer = run_process(
      {LANNER_PYTHON, "-c", kProgram, scratch.path / "JPEGImages", std::to_string(options.runs)});
  nlohmann::json rows{{{"name", "to 1067 x 800, normalised"}, {"ms", mine}}};
  std::printf("%-44s %8.2f", "to 1067 x 800, normalised", mine);
  if (peer.code == 0) {
    const double other = std::stod(peer.output);
    std::printf("   torchvision %8.2f   %.1fx", other, other / mine);
    rows[0]["torchvision_ms"] = other, rows[0]["ratio"] = other / mine;
  }
  std::printf("\n");
  for (const auto& [name, how] :
       {std::pair{"training, 400 x 300, flips", small},
        std::pair{"training, 1067 x 800, all augmentations", augmented}}) {
    const double ms = per_image([&] { return datasets::training_loader(dataset, how, one_thread); },
                                options.runs);
    std::printf("%-44s %8.2f\n", name, ms);
    rows.push_back({{"name", name}, {"ms", ms}});
  }
  write_rows(options, rows);
  return 0;
}

}  // namespace lanner::tools
