#include <sys/wait.h>

#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner::tests;

namespace {

struct Result {
  int code;
  std::string output;  // stdout and stderr
};

Result run(const std::string& arguments) {
  const std::string command = std::string(LANNER_PROGRAM) + " " + arguments + " 2>&1 </dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  char buffer[4096];
  while (const size_t count = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), output};
}

void expect(const std::string& arguments, int code, const std::string& text) {
  const auto result = run(arguments);
  INFO(arguments << "\n" << result.output);
  CHECK(result.code == code);
  CHECK_THAT(result.output, ContainsSubstring(text));
}

const std::string tiny_sizes =
    " --epochs 2 --batch-size 2 --workers 1 --resize.min-size 96 --resize.max-size 128 "
    "--backbone.fpn-channels 32 --roi.head-width 64 --evaluations 1 ";
const std::string tiny = " --preset small" + tiny_sizes;

}  // namespace

TEST_CASE("every subcommand explains itself") {
  expect("--help", 0, "lanner COMMAND");
  expect("--version", 0, "lanner 0.2.0");
  for (const char* command :
       {"synth", "check-data", "pretrain", "train", "eval", "detect", "models", "bench", "doctor"})
    expect(std::string(command) + " --help", 0, std::string("usage: lanner ") + command);
}

TEST_CASE("command lines that make no sense end with 2 and say why") {
  expect("", 2, "usage: lanner");
  expect("fly", 2, "error: \"fly\" is not a command");
  expect("train", 2, "--data");
  expect("bench", 2, "--what is required");
  expect("bench opps", 2,
         "what: expected ops, detect, train, pretrain, rois, eval or loader, got \"opps\"");
  expect("bench ops --runs 0", 2, "runs: expected 1 to 1000, got 0");
  expect("train --data x --out y --lr fast", 2, "lr: expected a number, got \"fast\"");
  expect("train --data x --out y --preset huge", 2, "preset: expected one of auto, ");
  expect("train --data x --out /tmp --backbone vgg", 2, "backbone: expected resnet18, resnet34");
  expect("train --data x --out y --model yolo", 2,
         "model: expected faster_rcnn, rfcn or diffusion");
  expect("train --data x --out y --model rfcn --backbone resnet50-c4", 2,
         "backbone: expected a name that ends in -dc5 or -fpn");
  expect("train --data x --out y --roi.pooling max", 2,
         "roi.pooling: expected roi_align or roi_pool");
  expect("train --data x --out y --roi.sampling all", 2, "roi.sampling: expected balanced or ohem");
  expect("train --data x --out y --backbone.deformable.stages 5", 2,
         "backbone.deformable.stages: expected 1 to 4, got 5");
  expect("train --data x --out y --lr-factors offset", 2,
         "lr_factors: expected NAME=FACTOR, got \"offset\"");
  expect("train --data x --out y --lr-milestones 2", 2,
         "lr_milestones: expected > 0 and < 1, got 2");
  expect("detect --weights a --out b x.jpg --precision fp8", 2,
         "precision: expected fp32 or bf16, got \"fp8\"");
  expect("models --height 0", 2, "height: expected 1 to 10000, got 0");
  expect("synth --out /tmp/x --deformation 2", 2, "deformation: expected 0 to 1");
  expect("train --data x --out /tmp --frobnicate 1", 2, "frobnicate");
  expect("eval --weights a", 2, "expected --weights and --data, or --annotations and --detections");
  expect("eval --weights a --data b --metric auc", 2,
         "metric: expected coco, voc07 or voc, got \"auc\"");
  expect("detect --weights a --out b x.jpg --conf 3", 2, "conf: expected 0 to 1");
  expect("synth --out /tmp/x --images 1", 2, "images: expected 2 to 100000, got 1");
  expect("synth --out /tmp/x --max-objects 0", 2, "max_objects: expected 1 to 64, got 0");
  expect("train --data x --out y --anchors.ratios '1;2'", 2,
         "anchors.ratios: expected numbers such as");
  expect("train --data x --out y --workers 1000", 2, "workers: expected 1 to 256");
}

TEST_CASE("flags under their names of version 0.1 work and say what they are called now") {
  expect("train --data x --out y --min-size 0", 2,
         "warning: min-size is now resize.min-size; the old name works until version 0.3");
  expect("train --data x --out y --min-size=0", 2, "resize.min_size: expected >= 1, got 0");
  expect("train --preset small --data x --out y --fpn-stages 24", 2,
         "backbone.fpn_stages: expected consecutive stages, got 2,4");
  const TemporaryFolder folder;
  write(folder.path / "old.cfg", "box-beta = -1\ncolour-jitter = 0.3\n");
  expect("train --data x --out y --config " + (folder.path / "old.cfg").string(), 2,
         "roi.beta: expected > 0, got -1");
}

TEST_CASE(
    "flags are found in any spelling, the last of several counts, and in configuration files by "
    "section") {
  const TemporaryFolder folder;
  expect("train --data x --out y --batch_size 0", 2, "batch_size: expected >= 1, got 0");
  expect("train --data x --out y --lr 1 --roi.beta 1 --roi.beta -1", 2,
         "roi.beta: expected > 0, got -1");
  expect("eval --weights x --data y --conf 0", 2, "unrecognised option '--conf'");  // not --config
  write(folder.path / "run.cfg", "[roi]\nbeta = -1\n");
  expect("train --data x --out y --config " + (folder.path / "run.cfg").string(), 2,
         "roi.beta: expected > 0, got -1");
  expect("train --data x --out y --roi.beta 2 --mosaic 2 --config " +
             (folder.path / "run.cfg").string(),
         2, "mosaic: expected 0 to 1, got 2");
  write(folder.path / "unknown.cfg", "frobnicate = 1\n");
  expect("train --data x --out y --config " + (folder.path / "unknown.cfg").string(), 2,
         "unknown.cfg: unrecognized option \"frobnicate\"");
}

TEST_CASE("a switch does not take the word after it") {
  expect("detect --weights none --out b --save-video film.mp4", 66, "none: no such file");
  expect("detect --save-video=maybe --weights none --out b x.jpg", 2,
         "save_video: expected true or false, got \"maybe\"");
  expect("check-data --annotations-only nowhere", 66, "nowhere");
  expect("eval --weights none --data d --amp auto", 66, "none: no such file");
}

TEST_CASE("missing files end with 66, bad data with 65, places that cannot be written with 74") {
  const TemporaryFolder folder;
  const auto at = [&](const char* name) { return (folder.path / name).string(); };
  expect("eval --weights /nowhere/w.safetensors --data x", 66,
         "error: /nowhere/w.safetensors: no such file");
  expect("train --data /nowhere --out " + at("run"), 66, "error: /nowhere: no such file or folder");
  expect("train --data x --out y --config /nowhere.cfg", 66, "/nowhere.cfg: no such file");
  expect("pretrain --images /nowhere --out " + at("run"), 66, "/nowhere: no such file or folder");
  fs::create_directories(folder.path / "empty");
  expect("pretrain --images " + at("empty") + " --out " + at("run"), 65, "holds no images");
  write(folder.path / "bad.json", "{\"images\": ");
  expect("train --data " + at("bad.json") + " --out " + at("run"), 65, "bad.json: JSON:");
  expect("eval --annotations " + at("bad.json") + " --detections " + at("bad.json"), 65,
         "bad.json: JSON:");
  write(folder.path / "w.safetensors", "not weights");
  expect("detect --weights " + at("w.safetensors") + " x.jpg --out " + at("o"), 65,
         "w.safetensors: header:");
  expect("synth --out /proc/nowhere", 74, "cannot be written");
  write_voc_folder(folder.path / "voc", voc_object("cat", "x", "1", "9", "9"));
  expect("train --data " + at("voc") + ":train --out " + at("run"), 65,
         "object[0].bndbox.xmin: expected a number, got \"x\"");
  expect("check-data " + at("voc") + ":train", 65, "rejected");
  write(folder.path / "voc/Annotations/a.xml", "<annotation><object>");
  expect("train --data " + at("voc") + ":train --out " + at("run"), 65, "a.xml: XML:");
}

TEST_CASE("options of data and evaluation that make no sense are refused by name") {
  expect("train --data x --out y --mosaic 2", 2, "mosaic: expected 0 to 1");
  expect("train --data x --out y --on-bad-image ignore", 2,
         "on_bad_image: expected stop or skip, got \"ignore\"");
  expect("eval --annotations a --detections b --report c.html", 2,
         "--report requires --weights and --data");
  expect("eval --annotations a --detections b --iou 0", 2, "iou: expected > 0 and <= 1, got 0");
  expect("check-data x --resize.min-size 0", 2, "resize.min_size: expected >= 1, got 0");
}

TEST_CASE("data sets are converted from the command line") {
  const TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return (folder.path / name).string(); };
  expect("synth --images 10 --out " + at("data"), 0, "");
  expect("convert-data " + at("data") + " " + at("yolo") + " --to yolo", 0, "val: 2 images");
  expect("convert-data " + at("yolo") + " " + at("coco") +
             " --to coco --split 50,30,20 --merge leaf=star ring=star --link",
         0, "test: 2 images");
  expect("check-data " + at("coco") + ":val", 0, "3 images");
  CHECK(fs::is_symlink(fs::directory_iterator(folder.path / "coco/val")->path()));
  expect("convert-data " + at("data") + " " + at("coco"), 2, "the folder is not empty");
  expect("convert-data " + at("data") + " " + at("x") + " --to pascal", 2, "to: expected");
  expect("convert-data " + at("data") + " " + at("x") + " --split 80,-1", 2, "split: expected");
  expect("convert-data " + at("data") + " " + at("x") + " y", 2, "too many positional");
  write(folder.path / "empty/images/a.txt", "");
  expect("train --data " + at("empty") + " --out " + at("run"), 66, "found 1 .txt under");
}

TEST_CASE("paths may hold spaces") {
  const TemporaryFolder folder;
  const std::string data = "'" + (folder.path / "my data").string();
  expect("synth --images 2 --out " + data + "'", 0, "");
  expect("check-data " + data + ":train'", 0, "1 images");
}

TEST_CASE(
    "the whole way on a tiny synthetic set: synth, check, pretrain, train, resume, eval, detect",
    "[slow]") {
  const TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return (folder.path / name).string(); };
  expect("synth --images 10 --width 128 --height 96 --out " + at("data"), 0, "");
  expect("check-data " + at("data") + ":val --show " + at("show"), 0, "0 issues");
  expect("pretrain --images " + at("data/JPEGImages") + " --out " + at("pre") +
             " --epochs 1 --batch-size 5 --image-size 64 --patch.size 16 --patch.stride 8 "
             "--directions 1 --workers 1",
         0, "information_bound");
  expect("train --data " + at("data") + ":train --val " +
             at("data/annotations/instances_val.json") + " --out " + at("run") + " --init " +
             at("pre/best.safetensors") + tiny,
         0, "tensors loaded");
  expect("train --config " + at("run/config.cfg") + " --resume", 0, "is over, at step 8");
  expect("train --config " + at("run/config.cfg") + " --epochs 3 --resume", 2,
         "epochs: was 2, is 3");
  CHECK_THAT(read(folder.path / "run/config.cfg"), ContainsSubstring("fpn-channels = 32"));
  expect("eval --weights " + at("run/best.safetensors") + " --data " + at("data") +
             ":val --metrics-json " + at("m.json"),
         0, "AP50");
  CHECK(fs::exists(folder.path / "run/report.html"));
  CHECK(fs::exists(folder.path / "pre/report.html"));
  const auto metrics = nlohmann::json::parse(read(folder.path / "m.json"));
  for (const char* name :
       {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"})
    CHECK(metrics.at(name).is_number());
  CHECK(metrics.at("per_class").contains("leaf"));
  // Saved detections have the ids of the data set, whatever those of the detector are.
  auto other = nlohmann::json::parse(read(folder.path / "data/annotations/instances_val.json"));
  for (auto& category : other["categories"]) category["id"] = 105 - category["id"].get<int>();
  for (auto& box : other["annotations"]) box["category_id"] = 105 - box["category_id"].get<int>();
  write(folder.path / "data/annotations/other.json", other.dump());
  expect("eval --weights " + at("run/best.safetensors") + " --data " +
             at("data/annotations/other.json") + " --score-threshold 0 --save-detections " +
             at("d.json") + " --metrics-json " + at("m1.json"),
         0, "AP50");
  expect("eval --annotations " + at("data/annotations/other.json") + " --detections " +
             at("d.json") + " --metrics-json " + at("m2.json"),
         0, "AP50");
  CHECK(nlohmann::json::parse(read(folder.path / "m1.json")) ==
        nlohmann::json::parse(read(folder.path / "m2.json")));
  expect("eval --annotations " + at("data/annotations/instances_val.json") + " --detections " +
             at("d.json"),
         65, "d.json: categories: ");
  expect("eval --weights " + at("run/best.safetensors") + " --metric voc07 --data " + at("data") +
             ":val",
         0, "mAP");
  expect("detect --weights " + at("run/last.safetensors") + " " + at("data/JPEGImages") +
             " --conf 0.01 --out " + at("out"),
         0, "detections:");
  CHECK(fs::exists(folder.path / "out/scene_00000.jpg"));
  const auto found = nlohmann::json::parse(read(folder.path / "out/detections.json"));
  REQUIRE(found.is_array());
  for (const auto& one : found) {
    CHECK(one.at("bbox").size() == 4);
    CHECK(one.at("category_id") >= 1);
  }
  expect("detect --weights " + at("run/last.safetensors") + " " + at("data/JPEGImages") +
             " --precision bf16 --out " + at("bf16"),
         0, "detections:");
  expect("detect --weights " + at("run/last.safetensors") + " " + at("data/JPEGImages") +
             " --show-offsets --out " + at("plain"),
         2, "the detector has no deformable layers");
  expect("train --data " + at("data") + ":train --out " + at("bent") + tiny_sizes +
             " --deformable --preset small_rfcn --offset-lr 0.05",
         0, "step 8");
  expect("train --config " + at("bent/config.cfg") + " --resume", 0, "is over, at step 8");
  expect("train --data " + at("data") + ":train --out " + at("c4") + tiny +
             " --backbone resnet18-c4 --deformable",
         0, "step 8");
  expect("train --config " + at("c4/config.cfg") + " --resume", 0, "is over, at step 8");
  expect("detect --weights " + at("bent/last.safetensors") + " " + at("data/JPEGImages") +
             " --conf 0.01 --show-offsets --out " + at("bent_out"),
         0, "detections:");
  CHECK(fs::exists(folder.path / "bent_out/offsets/scene_00000.jpg"));
  // Images of every kind and size.
  const auto odd = folder.path / "odd";
  fs::create_directories(odd);
  cv::imwrite((odd / "one.png").string(), cv::Mat(1, 1, CV_8UC3, cv::Scalar(9, 99, 200)));
  cv::imwrite((odd / "long.png").string(), cv::Mat(1, 4000, CV_8UC3, cv::Scalar(9, 99, 200)));
  cv::imwrite((odd / "gray.png").string(), cv::Mat(60, 80, CV_8UC1, cv::Scalar(99)));
  cv::imwrite((odd / "deep.png").string(), cv::Mat(60, 80, CV_16UC3, cv::Scalar(9, 999, 60000)));
  cv::imwrite((odd / "alpha.png").string(), cv::Mat(60, 80, CV_8UC4, cv::Scalar(9, 99, 200, 7)));
  for (const char* run : {"run", "bent"})
    expect("detect --weights " + at(std::string(run) + "/last.safetensors") + " " + at("odd") +
               " --conf 0.01 --out " + at(std::string("odd_") + run),
           0, "detections:");
  // Brackets in the name of a folder that exists are no pattern.
  write_plain_image(folder.path / "[2024] pics/a.jpg", 90, 70);
  expect("detect --weights " + at("run/best.safetensors") + " '" + at("[2024] pics/*.jpg") +
             "' --out " + at("out4"),
         0, "detections:");
  CHECK(fs::exists(folder.path / "out4/a.jpg"));
  // A damaged image is passed over and named; the others are done.
  write(folder.path / "mixed/bad.jpg", "no image");
  write_plain_image(folder.path / "mixed/good.jpg", 90, 70);
  expect(
      "detect --weights " + at("run/best.safetensors") + " " + at("mixed") + " --out " + at("out2"),
      65, "bad.jpg: image:");
  CHECK(fs::exists(folder.path / "out2/good.jpg"));
  expect("detect --weights " + at("run/best.safetensors") + " " + at("mixed") + " --out " +
             at("mixed"),
         2, "would write over");
  expect("detect --weights " + at("run/best.safetensors") + " " + at("mixed/good.jpg") + " " +
             at("out2/good.jpg") + " --out " + at("out3"),
         2, "would both be written as");
  expect(
      "detect --weights " + at("pre/best.safetensors") + " " + at("mixed") + " --out " + at("out2"),
      65, "architecture: missing");
  write_voc_folder(folder.path / "voc", voc_object("yeti", "1", "1", "9", "9"));
  expect("eval --weights " + at("run/best.safetensors") + " --data " + at("voc") + ":train", 65,
         "unknown category \"yeti\"");
}

TEST_CASE("tune runs trials, writes a configuration, resumes, and names what is wrong", "[slow]") {
  const TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return (folder.path / name).string(); };
  expect("synth --images 12 --width 96 --height 64 --out " + at("data"), 0, "");
  const std::string tune = "tune --data " + at("data") + ":train --out " + at("tuning") +
                           " --minutes 0.05 --lrs 0.01,0.02,0.04 --batch-sizes 2"
                           " --backbone.width 8 --workers 1";
  expect(tune, 2, "val: expected data to judge the trials by");
  const auto with_val = tune + " --val " + at("data") + ":val";
  expect(with_val + " --max-steps 9", 2, "max_steps: expected 0, because trials are as long as");
  expect(with_val + " --vary roi.alpha=1", 2, "\"roi.alpha\"");
  expect(with_val + " --vary lr=1,2", 2, "vary: expected another option than lr, which --lrs says");
  const auto result = run(with_val);
  INFO(result.output);
  REQUIRE(result.code == 0);
  CHECK_THAT(result.output, ContainsSubstring("tune: 3 trials") &&
                                ContainsSubstring("such short trials") &&
                                ContainsSubstring("do not trust the fit: "));
  for (const char* name : {"tune.json", "tune.html", "tuned.cfg"})
    CHECK(std::filesystem::exists(folder.path / "tuning" / name));
  const auto trials = read(folder.path / "tuning/trials.jsonl");
  CHECK(std::count(trials.begin(), trials.end(), '\n') == 3 + 2 + 1);
  expect(with_val, 2, "already contains trials");
  expect(with_val + " --resume", 0, "lanner train --config");
  expect(with_val + " --resume --minutes 60", 2, "minutes: was 0.05, is 60");
  expect(with_val + " --resume --vary roi.beta=1", 2, "vary: was , is roi.beta=1");
  CHECK(read(folder.path / "tuning/trials.jsonl") == trials);
  expect("train --config " + at("tuning/tuned.cfg") + " --max-minutes 0.01 --out " + at("run"), 0,
         "");
}

TEST_CASE("without a preset, train chooses by the data, says why, and a flag has precedence",
          "[slow]") {
  const TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return (folder.path / name).string(); };
  expect("synth --images 10 --width 128 --height 96 --out " + at("data"), 0, "");
  const auto result = run("train --data " + at("data") + ":train --out " + at("run") +
                          " --epochs 1 --batch-size 2 --backbone.width 8 --workers 1");
  INFO(result.output);
  REQUIRE(result.code == 0);
  CHECK_THAT(result.output, ContainsSubstring("settings by the data and the machine") &&
                                ContainsSubstring("--anchors.sizes") &&
                                ContainsSubstring("from the smallest objects to the largest"));
  CHECK_THAT(result.output, !ContainsSubstring("--backbone.width "));
  const auto config = read(folder.path / "run/config.cfg");
  CHECK_THAT(config, ContainsSubstring("# chosen by --preset auto\npreset = small\n") &&
                         ContainsSubstring("backbone.width = 8\n"));
  // The weights decide the architecture of the next run.
  const auto next =
      run("train --data " + at("data") + ":train --out " + at("next") +
          " --epochs 1 --batch-size 2 --workers 1 --init " + at("run/last.safetensors"));
  CHECK(next.code == 0);
  CHECK_THAT(next.output, ContainsSubstring("--backbone.width           8") &&
                              ContainsSubstring("as in the --init weights"));
  // A run of its configuration has all options given, and chooses nothing.
  const auto again = run("train --config " + at("run/config.cfg") + " --resume");
  CHECK(again.code == 0);
  CHECK_THAT(again.output, !ContainsSubstring("settings by"));
  expect("check-data " + at("data") + ":train", 0, "settings that lanner train --preset auto");
  expect("train --data " + at("nowhere") + " --out " + at("other"), 66, "nowhere");
  expect("train --data " + at("data") + ":train --out " + at("other") + " --roi.beta -1", 2,
         "roi.beta: expected > 0, got -1");
}

TEST_CASE("a video is annotated frame for frame", "[slow]") {
  const auto videos = shared_data("videos");
  if (!videos) return;
  const TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return (folder.path / name).string(); };
  run("synth --images 4 --width 128 --height 96 --out " + at("data"));
  run("train --data " + at("data") + ":train --out " + at("run") + tiny);
  expect("detect --weights " + at("run/best.safetensors") + " " +
             (*videos / "car-detection.mp4").string() + " --save-video --out " + at("out"),
         0, "377 frames");
  CHECK(fs::file_size(folder.path / "out/car-detection.mp4") > 10000);
}
