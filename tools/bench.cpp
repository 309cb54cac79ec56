#include <set>

#include "lanner/datasets/error.h"
#include "tools/bench_options.h"
#include "tools/command.h"

namespace lanner::tools {

int bench(const std::vector<std::string>& arguments) {
  BenchOptions o;
  std::string what;
  po::options_description options("options", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("what", po::value(&what), "ops, detect, train, pretrain, rois, eval or loader");
  add("threads", defaulted(&o.threads), "threads of LibTorch; 0 is its own choice");
  add("runs", defaulted(&o.runs), "how often each is timed; the median is shown");
  add("json", po::value(&o.json), "file to write the numbers to");
  const auto parsed =
      parse(arguments,
            "usage: lanner bench ops|detect|train|pretrain|rois|eval|loader [options]\n\n"
            "Times on this machine, beside torchvision's where it is installed.\n\n"
            "  ops      the operators, forward and backward\n"
            "  detect   Faster R-CNN ResNet-50-FPN on an image of 800 x 1088\n"
            "  train    training steps of two images of 320 x 400\n"
            "  pretrain a step of CPC on 32 images of 128 x 128\n"
            "  rois     R-FCN and Faster R-CNN C4 against the number of RoIs\n"
            "  eval     COCO evaluation, and reading annotations\n"
            "  loader   from JPEG files to what a network takes\n",
            options, "what");
  if (parsed.help) return 0;
  const std::set<std::string> known{"ops", "detect", "train", "pretrain", "rois", "eval", "loader"};
  if (!known.count(what))
    throw usage_error("bench: expected ops, detect, train, pretrain, rois, eval or loader" +
                      (what.empty() ? "" : ", got \"" + what + "\""));
  if (o.threads < 0 || o.threads > 1024)
    throw usage_error("threads: expected 0 to 1024, got " + std::to_string(o.threads));
  if (o.runs < 1 || o.runs > 1000)
    throw usage_error("runs: expected 1 to 1000, got " + std::to_string(o.runs));
  return run_job(("lanner_bench_" + what).c_str(), &o);
}

}  // namespace lanner::tools
