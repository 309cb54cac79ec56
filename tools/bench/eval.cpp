#include "tools/bench/bench.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/coco.h"
#include "tools/bench/process.h"
#include "tools/bench/python_baseline.h"
#include "tools/bench/scratch.h"
#include "tools/bench/timing.h"

namespace lanner::tools {
namespace fs = std::filesystem;
namespace {

using datasets::CocoBox;

struct Random {
  std::mt19937_64 generator{0};
  double real(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(generator);
  }
  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(generator);
  }
};

double to_hundredths(double value) { return std::round(value * 100) / 100; }

// Writes data of the size of COCO's val2017, with 100 detections per image, a third of them near an
// object.
void write_scored_data(const fs::path& truth_file, const fs::path& detections_file) {
  Random random;
  datasets::CocoFile truth;
  std::vector<datasets::CocoDetection> detections;
  for (int64_t c = 1; c <= 80; ++c) truth.categories.push_back({c, "class " + std::to_string(c)});
  for (int64_t image = 1; image <= 5000; ++image) {
    truth.images.push_back({image, std::to_string(image) + ".jpg", 640, 480});
    const int64_t image_classes[3] = {random.integer(1, 80), random.integer(1, 80),
                                      random.integer(1, 80)};
    const auto first = truth.annotations.size();
    for (int64_t i = random.integer(1, 13); i > 0; --i) {
      const double width = to_hundredths(random.real(8, 250)),
                   height = to_hundredths(random.real(8, 250));
      const CocoBox box{to_hundredths(random.real(0, 640 - width)),
                        to_hundredths(random.real(0, 480 - height)), width, height};
      const auto id = static_cast<int64_t>(truth.annotations.size()) + 1;
      truth.annotations.push_back({id, image, image_classes[random.integer(0, 2)], box,
                                   0.6 * width * height, random.real(0, 1) < 0.01, false});
    }
    for (int i = 0; i < 100; ++i) {
      const auto& near = truth.annotations[random.integer(
          static_cast<int64_t>(first), static_cast<int64_t>(truth.annotations.size()) - 1)];
      CocoBox box{to_hundredths(random.real(0, 400)), to_hundredths(random.real(0, 300)),
                  to_hundredths(random.real(5, 200)), to_hundredths(random.real(5, 150))};
      int64_t category = image_classes[random.integer(0, 2)];
      if (i % 3 == 0) {
        box = near.bbox, category = near.category_id;
        box.x += to_hundredths(random.real(-12, 12)), box.y += to_hundredths(random.real(-12, 12));
      }
      detections.push_back({image, category, box, std::round(random.real(0, 1) * 1e4) / 1e4});
    }
  }
  write_coco(truth_file, truth);
  write_detections(detections_file, truth, detections);
}

// Writes annotations with as many images, boxes and polygons as COCO's instances_train2017.json.
void write_large_annotations(const fs::path& file) {
  Random random;
  std::ofstream out(file);
  out << R"({"info": {"year": 2017}, "images": [)";
  for (int i = 1; i <= 118'000; ++i)
    out << (i > 1 ? ", " : "") << R"({"license": 3, "file_name": ")" << i
        << R"(.jpg", "coco_url": "http://images.cocodataset.org/train2017/000000000000.jpg", )"
        << R"("height": 480, "width": 640, "date_captured": "2013-11-14 11:18:45", "id": )" << i
        << "}";
  out << R"(], "annotations": [)";
  std::vector<std::string> polygons(500);
  for (auto& polygon : polygons) {
    std::ostringstream text;
    for (int64_t i = random.integer(8, 44); i > 0; --i)
      text << to_hundredths(random.real(0, 480)) << ", " << to_hundredths(random.real(0, 480))
           << (i > 1 ? ", " : "");
    polygon = text.str();
  }
  for (int i = 0; i < 860'000; ++i) {
    const double width = to_hundredths(random.real(8, 300)),
                 height = to_hundredths(random.real(8, 250));
    out << (i ? ", " : "") << R"({"segmentation": [[)" << polygons[i % 500] << R"(]], "area": )"
        << width * height / 2 << R"(, "iscrowd": 0, "image_id": )" << i % 118'000 + 1
        << R"(, "bbox": [)" << to_hundredths(random.real(0, 300)) << ", "
        << to_hundredths(random.real(0, 200)) << ", " << width << ", " << height
        << R"(], "category_id": )" << i % 80 + 1 << R"(, "id": )" << i + 1 << "}";
  }
  out << R"(], "categories": [)";
  for (int c = 1; c <= 80; ++c)
    out << (c > 1 ? ", " : "") << R"({"id": )" << c << R"(, "name": "class )" << c << R"("})";
  out << "]}";
  out.close();
  if (!out) throw io_error(file.string() + ": cannot be written");
}

// Times a command of lanner `runs` times, and that of pycocotools once, because it takes most of a
// minute. output: receives what the latter prints.
nlohmann::json compare(const std::string& name, const std::vector<std::string>& lanner_command,
                       const std::vector<std::string>& reference_command, int64_t runs,
                       std::string& output) {
  std::vector<double> seconds;
  double megabytes = 0;
  for (int64_t i = 0; i < runs; ++i) {
    const auto cost = run_process(lanner_command);
    if (cost.code) throw Error(ExitCode::internal, "bench: lanner failed");
    seconds.push_back(cost.seconds);
    megabytes = std::max(megabytes, cost.megabytes);
  }
  const auto reference = run_process(reference_command);
  output = reference.output;
  const double lanner_seconds = median(seconds);
  nlohmann::json row{{"name", name}, {"seconds", lanner_seconds}, {"megabytes", megabytes}};
  std::printf("%-60s %8.2f s %6.0f MB", name.c_str(), lanner_seconds, megabytes);
  if (reference.code == 0) {
    const double ratio = reference.seconds / lanner_seconds;
    std::printf("   pycocotools %6.1f s %6.0f MB   %.1fx", reference.seconds, reference.megabytes,
                ratio);
    row["pycocotools_seconds"] = reference.seconds;
    row["pycocotools_megabytes"] = reference.megabytes;
    row["ratio"] = ratio;
  }
  std::printf("\n");
  std::fflush(stdout);
  return row;
}

}  // namespace

int bench_eval(const BenchOptions& options) {
  const Scratch scratch;
  const std::string lanner = fs::read_symlink("/proc/self/exe").string();
  const std::string truth = scratch.path / "truth.json",
                    detections = scratch.path / "detections.json",
                    metrics = scratch.path / "metrics.json", large = scratch.path / "large.json";
  print_machine("; full processes, including their start");
  write_scored_data(truth, detections);
  std::string output;
  auto rows = nlohmann::json::array();
  rows.push_back(compare("evaluate 5,000 images, 500,000 detections",
                         {lanner, "eval", "--annotations", truth, "--detections", detections,
                          "--metrics-json", metrics},
                         {LANNER_PYTHON, peer_program("pycocotools_eval.py"), truth, detections},
                         options.runs, output));
  if (!output.empty()) {
    const auto expected = nlohmann::json::parse(output);
    std::ifstream file(metrics);
    const auto result = nlohmann::json::parse(file);
    double max_difference = 0;
    size_t i = 0;
    for (const char* name :
         {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"})
      max_difference = std::max(
          max_difference, std::abs(result.at(name).get<double>() - expected.at(i++).get<double>()));
    std::printf("  the twelve metrics differ by at most %.1e\n", max_difference);
    rows.back()["largest_difference"] = max_difference;
  }
  write_large_annotations(large);
  rows.push_back(compare("check annotations: 118,000 images, 860,000 boxes with polygons, " +
                             std::to_string(fs::file_size(large) / 1'000'000) + " MB",
                         {lanner, "check-data", large, "--annotations-only"},
                         {LANNER_PYTHON, peer_program("pycocotools_eval.py"), large}, options.runs,
                         output));
  write_rows(options, rows);
  return 0;
}

}  // namespace lanner::tools
