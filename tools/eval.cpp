#include "lanner/datasets/error.h"
#include "tools/command.h"
#include "tools/eval_options.h"
#include "tools/threshold_flags.h"

namespace lanner::tools {

int eval(const std::vector<std::string>& arguments) {
  EvalOptions o;
  po::options_description options("options", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("weights", po::value(&o.weights), "a detector, as lanner train writes");
  add("data", po::value(&o.data), "DATA[:SPLIT] to measure it on");
  add("image-root", po::value(&o.image_root), "where a COCO file's images are");
  add("annotations", po::value(&o.annotations),
      "COCO .json or DATA[:SPLIT], in place of weights and data");
  add("detections", po::value(&o.detections),
      "results to measure against it: COCO .json, or a folder of VOC's text files");
  add("metric", defaulted(&o.metric), "coco, voc07 (eleven points) or voc (area)");
  add("iou", defaulted(&o.iou),
      "from which on an object is found: for VOC's metrics, F1, curves and errors");
  add("errors", defaulted(&o.errors)->implicit_value(true),
      "kinds of errors with what they cost, and which classes are confused");
  add("metrics-json", po::value(&o.metrics_json), "file to write the numbers to, 0 to 1");
  add("save-detections", po::value(&o.save_detections),
      "a COCO .json to write, or a folder for VOC's text files");
  add("report", po::value(&o.report),
      "an .html to write, with curves, errors and the worst images; wants weights and data");
  add("device", defaulted(&o.device), "cpu, cuda or cuda:N");
  add("batch-size", defaulted(&o.batch_size), "images at a time");
  add("workers", defaulted(&o.workers), "threads that load images");
  add("amp", defaulted(&o.amp)->implicit_value("true"), "bfloat16 autocast: true, false or auto");
  options.add(threshold_flags(o.thresholds));
  const auto parsed =
      parse(arguments,
            "usage: lanner eval --weights W --data DATA[:SPLIT]\n"
            "       lanner eval --annotations GT.json --detections DT.json\n\n"
            "Prints COCO's twelve numbers (or VOC's mAP) and each class's, in per cent.\n",
            options);
  if (parsed.help) return 0;
  o.thresholds.check();
  const bool model = !o.weights.empty() && !o.data.empty();
  const bool files = !o.annotations.empty() && !o.detections.empty();
  if (model == files)
    throw usage_error("eval: expected --weights and --data, or --annotations and --detections");
  if (files && !o.report.empty())
    throw usage_error("report: wants --weights and --data, whose images it shows");
  if (o.metric != "coco" && o.metric != "voc07" && o.metric != "voc")
    throw usage_error("metric: expected coco, voc07 or voc, got \"" + o.metric + "\"");
  if (o.errors && o.metric != "coco") throw usage_error("errors: wants --metric coco");
  if (!(o.iou > 0 && o.iou <= 1))
    throw usage_error("iou: expected a number above 0 and up to 1, got " + std::to_string(o.iou));
  if (o.batch_size < 1)
    throw usage_error("batch-size: expected a positive number, got " +
                      std::to_string(o.batch_size));
  if (o.workers < 1 || o.workers > 256)
    throw usage_error("workers: expected 1 to 256, got " + std::to_string(o.workers));
  return model ? run_job("lanner_eval", &o) : run_data_job("lanner_eval_files", &o);
}

}  // namespace lanner::tools
