#include "lanner/datasets/error.h"
#include "lanner/detectors/detect_options.h"
#include "tools/command.h"
#include "tools/threshold_flags.h"

namespace lanner::tools {

int detect(const std::vector<std::string>& arguments) {
  detectors::DetectOptions o;
  po::options_description options("options", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("weights", po::value(&o.weights)->required(), "a detector, as lanner train writes");
  add("source", po::value(&o.sources)->required(),
      "images, folders, globs, videos, camera numbers, stream addresses");
  add("out", po::value(&o.out)->required(),
      "folder for annotated pictures, videos and detections.json");
  add("conf", defaulted(&o.conf), "least score that is drawn and saved");
  add("save-json", po::value(&o.save_json),
      "file for the results, in place of OUT/detections.json");
  add("save-video", defaulted(&o.save_video)->implicit_value(true),
      "write each video annotated, frame for frame");
  add("show-offsets", defaulted(&o.show_offsets)->implicit_value(true),
      "draw where deformable layers sample, into OUT/offsets");
  add("precision", defaulted(&o.precision),
      "fp32 or bf16: faster, scores differ in the third digit");
  add("device", defaulted(&o.device), "cpu, cuda or cuda:N");
  options.add(threshold_flags(o.thresholds));
  const auto parsed =
      parse(arguments,
            "usage: lanner detect --weights W SOURCE... --out DIR\n\n"
            "Draws what is found, and writes it as one JSON of COCO results with file "
            "names.\n\n"
            "  lanner detect --weights best.safetensors photos/ 'more/*.png' --out found\n"
            "  lanner detect --weights best.safetensors film.mp4 --save-video --out found\n",
            options, "source");
  if (parsed.help) return 0;
  o.thresholds.check();
  if (!(o.conf >= 0 && o.conf <= 1))
    throw usage_error("conf: expected 0 to 1, got " + std::to_string(o.conf));
  if (o.precision != "fp32" && o.precision != "bf16")
    throw usage_error("precision: expected fp32 or bf16, got \"" + o.precision + "\"");
  return run_job("lanner_detect", &o);
}

}  // namespace lanner::tools
