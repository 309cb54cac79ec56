#include "lanner/detectors/pretraining/pretrain.h"

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/image_folder.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/pretraining/cpc.h"
#include "lanner/detectors/training/autocast.h"
#include "lanner/detectors/training/report.h"

namespace lanner::detectors {

LoopEnd pretrain(const PretrainOptions& options, const std::function<bool()>& stop) {
  const auto& loop = options.loop;
  loop.check();
  options.check();
  const auto device = device_from_name(loop.device);
  std::vector<std::filesystem::path> files;
  for (const auto& folder : options.images)
    for (auto& file : datasets::list_images(folder)) files.push_back(std::move(file));
  if (files.empty()) throw usage_error("images: expected at least one folder, got none");
  if (options.norm == Norm::batch)
    std::cerr << "warning: norm: batch norm leaks between the patches of a batch; layer does not\n";

  torch::manual_seed(loop.seed);
  Cpc cpc(options);
  place(*cpc, device);
  const int64_t first = resume_step(loop);
  const int64_t per_epoch =
      std::max<int64_t>(1, static_cast<int64_t>(files.size()) / loop.batch_size);
  const auto count = files.size();
  const auto loader = datasets::image_folder_loader(
      std::move(files), {.batch_size = loop.batch_size,
                         .threads = loop.workers,
                         .first_batch = first,
                         .batches = per_epoch * loop.epochs - first,
                         .seed = loop.seed,
                         .size = options.image_size,
                         .skip_bad_images = loop.on_bad_image == "skip"});
  std::cerr << count << " images\n";

  const bool bfloat16 = bfloat16_wanted(loop.amp, device.type());
  Task task;
  task.name = "pretrain";
  task.module = cpc.ptr().get();
  task.steps_per_epoch = per_epoch;
  task.metadata = {
      {"format", "1"},
      {"pretraining", nlohmann::json{{"method", "cpc"},
                                     {"backbone", "resnet" + std::to_string(options.depth)},
                                     {"stages", options.stages},
                                     {"norm", name_of(options.norm)}}
                          .dump()}};
  task.step = [&](int64_t) {
    const auto asked = std::chrono::steady_clock::now();
    const auto batch = *loader->next();
    const double waited =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count();
    const Autocast autocast(bfloat16, device.type());
    const auto result = cpc->forward(batch.images.to(device));
    const double ln_n = std::log(static_cast<double>(result.candidates));
    std::string names;
    for (const auto& path : batch.paths) names += (names.empty() ? "" : ", ") + path;
    return StepResult{result.loss,
                      {{"ln_n", torch::tensor(ln_n)},
                       {"accuracy", result.accuracy},
                       {"information_bound", ln_n - result.loss.detach()}},
                      batch.size(),
                      names,
                      waited};
  };
  const auto end = run_loop(task, loop, stop);
  write_report(loop.out, "");
  return end;
}

}  // namespace lanner::detectors
