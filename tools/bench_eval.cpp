#include "tools/bench_eval.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "lanner/datasets/coco.h"
#include "lanner/datasets/error.h"
#include "tools/process.h"
#include "tools/scratch.h"
#include "tools/timing.h"

namespace lanner::tools {
namespace fs = std::filesystem;
namespace {

using datasets::CocoBox;

// pycocotools, given the files; prints the twelve numbers, or of one file how many boxes it holds.
constexpr const char* kProgram = R"py(
import contextlib, io, json, sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO(sys.argv[1])
    if len(sys.argv) > 2:
        evaluation = COCOeval(truth, truth.loadRes(sys.argv[2]), "bbox")
        evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
print(json.dumps(evaluation.stats.tolist() if len(sys.argv) > 2 else len(truth.anns)))
)py";

struct Draw {
  std::mt19937_64 random{0};
  double real(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  }
  int64_t whole(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
};

double hundredth(double value) { return std::round(value * 100) / 100; }

// A set like COCO's val2017 with a detector's results: 100 detections an image, a third of them
// near an object.
void write_scored_set(const fs::path& truth_file, const fs::path& detections_file) {
  Draw draw;
  datasets::CocoFile truth;
  std::vector<datasets::CocoDetection> detections;
  for (int64_t c = 1; c <= 80; ++c) truth.categories.push_back({c, "class " + std::to_string(c)});
  for (int64_t image = 1; image <= 5000; ++image) {
    truth.images.push_back({image, std::to_string(image) + ".jpg", 640, 480});
    const int64_t own[3] = {draw.whole(1, 80), draw.whole(1, 80), draw.whole(1, 80)};
    const auto first = truth.annotations.size();
    for (int64_t i = draw.whole(1, 13); i > 0; --i) {
      const double width = hundredth(draw.real(8, 250)), height = hundredth(draw.real(8, 250));
      const CocoBox box{hundredth(draw.real(0, 640 - width)), hundredth(draw.real(0, 480 - height)),
                        width, height};
      const auto id = static_cast<int64_t>(truth.annotations.size()) + 1;
      truth.annotations.push_back({id, image, own[draw.whole(0, 2)], box, 0.6 * width * height,
                                   draw.real(0, 1) < 0.01, false});
    }
    for (int i = 0; i < 100; ++i) {
      const auto& near = truth.annotations[draw.whole(
          static_cast<int64_t>(first), static_cast<int64_t>(truth.annotations.size()) - 1)];
      CocoBox box{hundredth(draw.real(0, 400)), hundredth(draw.real(0, 300)),
                  hundredth(draw.real(5, 200)), hundredth(draw.real(5, 150))};
      int64_t category = own[draw.whole(0, 2)];
      if (i % 3 == 0) {
        box = near.bbox, category = near.category_id;
        box.x += hundredth(draw.real(-12, 12)), box.y += hundredth(draw.real(-12, 12));
      }
      detections.push_back({image, category, box, std::round(draw.real(0, 1) * 1e4) / 1e4});
    }
  }
  write_coco(truth_file, truth);
  write_detections(detections_file, detections);
}

// As many images, boxes and polygons as COCO's instances_train2017.json.
void write_large_set(const fs::path& file) {
  Draw draw;
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
    for (int64_t i = draw.whole(8, 44); i > 0; --i)
      text << hundredth(draw.real(0, 480)) << ", " << hundredth(draw.real(0, 480))
           << (i > 1 ? ", " : "");
    polygon = text.str();
  }
  for (int i = 0; i < 860'000; ++i) {
    const double width = hundredth(draw.real(8, 300)), height = hundredth(draw.real(8, 250));
    out << (i ? ", " : "") << R"({"segmentation": [[)" << polygons[i % 500] << R"(]], "area": )"
        << width * height / 2 << R"(, "iscrowd": 0, "image_id": )" << i % 118'000 + 1
        << R"(, "bbox": [)" << hundredth(draw.real(0, 300)) << ", " << hundredth(draw.real(0, 200))
        << ", " << width << ", " << height << R"(], "category_id": )" << i % 80 + 1 << R"(, "id": )"
        << i + 1 << "}";
  }
  out << R"(], "categories": [)";
  for (int c = 1; c <= 80; ++c)
    out << (c > 1 ? ", " : "") << R"({"id": )" << c << R"(, "name": "class )" << c << R"("})";
  out << "]}";
  out.close();
  if (!out) throw io_error(file.string() + ": cannot be written");
}

// Ours `runs` times, the peer once: it takes most of a minute.
nlohmann::json compare(const std::string& name, const std::vector<std::string>& ours,
                       const std::vector<std::string>& peer, int64_t runs, std::string& answer) {
  std::vector<double> seconds;
  double megabytes = 0;
  for (int64_t i = 0; i < runs; ++i) {
    const auto cost = run_process(ours);
    if (cost.code) throw Error(ExitCode::internal, "bench: lanner ended with an error");
    seconds.push_back(cost.seconds);
    megabytes = std::max(megabytes, cost.megabytes);
  }
  const auto other = run_process(peer);
  answer = other.output;
  const double mine = median(seconds);
  nlohmann::json row{{"name", name}, {"seconds", mine}, {"megabytes", megabytes}};
  std::printf("%-60s %8.2f s %6.0f MB", name.c_str(), mine, megabytes);
  if (other.code == 0) {
    std::printf("   pycocotools %6.1f s %6.0f MB   %.1fx", other.seconds, other.megabytes,
                other.seconds / mine);
    row["pycocotools_seconds"] = other.seconds, row["pycocotools_megabytes"] = other.megabytes;
    row["ratio"] = other.seconds / mine;
  }
  std::printf("\n");
  std::fflush(stdout);
  return row;
}

}  // namespace

int bench_eval(const BenchOptions& options) {
  const Scratch scratch;
  const std::string lanner = fs::read_symlink("/proc/self/exe").string();
  const std::string truth = scratch.path / "truth.json", found = scratch.path / "found.json",
                    numbers = scratch.path / "numbers.json", large = scratch.path / "large.json";
  print_machine("; whole processes, their start included");
  write_scored_set(truth, found);
  std::string answer;
  auto rows = nlohmann::json::array();
  rows.push_back(compare(
      "evaluate 5,000 images, 500,000 detections",
      {lanner, "eval", "--annotations", truth, "--detections", found, "--metrics-json", numbers},
      {LANNER_PYTHON, "-c", kProgram, truth, found}, options.runs, answer));
  if (!answer.empty()) {
    const auto theirs = nlohmann::json::parse(answer);
    std::ifstream file(numbers);
    const auto mine = nlohmann::json::parse(file);
    double worst = 0;
    size_t i = 0;
    for (const char* name :
         {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"})
      worst = std::max(worst, std::abs(mine.at(name).get<double>() - theirs.at(i++).get<double>()));
    std::printf("  the twelve numbers differ by at most %.1e\n", worst);
    rows.back()["largest_difference"] = worst;
  }
  write_large_set(large);
  rows.push_back(compare("check annotations: 118,000 images, 860,000 boxes with polygons, " +
                             std::to_string(fs::file_size(large) / 1'000'000) + " MB",
                         {lanner, "check-data", large, "--annotations-only"},
                         {LANNER_PYTHON, "-c", kProgram, large}, options.runs, answer));
  write_rows(options, rows);
  return 0;
}

}  // namespace lanner::tools
