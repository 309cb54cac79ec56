#include "tools/bench_ops.h"

#include <dlfcn.h>
#include <link.h>
#include <torch/torch.h>

#include <cstdio>
#include <functional>
#include <iostream>

#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "tools/timing.h"

namespace lanner::tools {
namespace {

using c10::IValue;
using Arguments = std::vector<IValue>;

// torchvision's operators register themselves once its library is loaded. That needs symbols of
// Python's library, though nothing of Python runs.
bool load_torchvision() {
  void* torch = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  link_map* map = nullptr;
  if (!torch || dlinfo(torch, RTLD_DI_LINKMAP, &map) != 0) return false;
  const auto lib = std::filesystem::path(map->l_name).parent_path();
  const auto load = [](const std::filesystem::path& file) {
    return dlopen(file.c_str(), RTLD_LAZY | RTLD_GLOBAL) != nullptr;
  };
  load(LANNER_LIBPYTHON);
  load(lib / "libtorch.so"), load(lib / "libtorch_python.so");
  return load(lib.parent_path().parent_path() / "torchvision/_C.so");
}

struct Row {
  std::string name;
  std::string op;
  Arguments ours, theirs;  // theirs: empty where torchvision has no such operator
  bool backward = false;   // time the gradients of the floating-point tensors among `inputs`
  std::vector<size_t> inputs = {0};
};

// What is timed: the operator, or the gradient of what it gives.
std::function<void()> work(const std::string& space, const Row& row, Arguments arguments) {
  const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow((space + "::" + row.op).c_str(), "");
  const auto call = [op](Arguments stack) {
    op.callBoxed(stack);
    return stack.at(0).toTensor();
  };
  if (!row.backward)
    return [=] {
      const torch::NoGradGuard no_grad;
      call(arguments);
    };
  std::vector<at::Tensor> leaves;
  for (const size_t i : row.inputs) {
    // A gradient is asked for the same tensors on either side, in whatever place they are.
    const auto leaf = row.ours[i].toTensor().detach().clone().set_requires_grad(true);
    for (auto& argument : arguments)
      if (argument.isTensor() && argument.toTensor().is_same(row.ours[i].toTensor()))
        argument = leaf;
    leaves.push_back(leaf);
  }
  const auto out = call(arguments);
  const auto grad = torch::randn_like(out);
  return [=] { torch::autograd::grad({out}, leaves, {grad}, /*retain_graph=*/true); };
}

at::Tensor boxes_at(const at::Tensor& corner, const at::Tensor& sides) {
  return torch::cat({corner, corner + sides}, 1);
}

std::vector<Row> rows() {
  torch::manual_seed(0);
  const auto features = torch::randn({1, 256, 50, 68}), maps = torch::randn({1, 21 * 49, 50, 68});
  const auto sides = torch::rand({1000, 2}) * 240 + 60;  // mean 180 pixels
  const auto corner = torch::rand({1000, 2}) * torch::tensor({1088.f, 800.f}) - sides / 2;
  const auto rois = torch::cat({torch::zeros({1000, 1}), boxes_at(corner, sides)}, 1);
  const auto fewer = rois.slice(0, 0, 512), offset = torch::randn({1000, 2, 7, 7});
  const auto fewer_offsets = offset.slice(0, 0, 512).contiguous();
  const double scale = 1. / 16;
  std::vector<Row> result;
  const auto both = [&](const std::string& name, const std::string& op, const Arguments& many,
                        const Arguments& few, bool known = true,
                        const std::vector<size_t>& inputs = {0}) {
    result.push_back(
        {name + " forward, 1000 RoIs", op, many, known ? many : Arguments{}, false, inputs});
    result.push_back(
        {name + " backward, 512 RoIs", op, few, known ? few : Arguments{}, true, inputs});
  };
  both("roi_align", "roi_align", {features, rois, scale, 7, 7, 2, false},
       {features, fewer, scale, 7, 7, 2, false});
  both("roi_pool", "roi_pool", {features, rois, scale, 7, 7}, {features, fewer, scale, 7, 7});
  result.push_back({"ps_roi_pool forward, 1000 RoIs",
                    "ps_roi_pool",
                    {maps, rois, scale, 7, 7, false},
                    {maps, rois, scale, 7, 7}});
  result.push_back({"ps_roi_pool backward, 512 RoIs",
                    "ps_roi_pool",
                    {maps, fewer, scale, 7, 7, false},
                    {maps, fewer, scale, 7, 7},
                    true});
  both("ps_roi_align", "ps_roi_align", {maps, rois, scale, 7, 7, 2}, {maps, fewer, scale, 7, 7, 2});
  both("deform_roi_pool", "deform_roi_pool", {features, rois, offset, scale, 7, 7, 2, 0.1},
       {features, fewer, fewer_offsets, scale, 7, 7, 2, 0.1}, false, {0, 2});
  both("deform_ps_roi_pool", "deform_ps_roi_pool", {maps, rois, offset, scale, 7, 7, 7, 4, 0.1},
       {maps, fewer, fewer_offsets, scale, 7, 7, 7, 4, 0.1}, false, {0, 2});

  const auto input = torch::randn({1, 256, 50, 68}), weight = torch::randn({256, 256, 3, 3});
  const auto moves = torch::randn({1, 18, 50, 68}) * 2;
  const std::vector<int64_t> one{1, 1};
  for (const bool backward : {false, true})
    result.push_back({std::string("deform_conv2d ") + (backward ? "backward" : "forward") +
                          ", 256 -> 256, 3x3 on 50x68",
                      "deform_conv2d",
                      {input, moves, weight, IValue(), IValue(), one, one, one},
                      {input, weight, moves, torch::zeros({1, 0, 1, 1}), torch::zeros({256}), 1, 1,
                       1, 1, 1, 1, 1, 1, false},
                      backward,
                      {0, 1, 2}});

  for (const int64_t count : {6000, 12000}) {
    const auto boxes = boxes_at(torch::rand({count, 2}) * 1000, torch::rand({count, 2}) * 100 + 10);
    const Arguments arguments{boxes, torch::rand({count}), 0.7};
    result.push_back(
        {"nms, " + std::to_string(count) + " spread boxes at 0.7", "nms", arguments, arguments});
  }
  const auto centres = torch::rand({500, 2}) * 1000;
  const auto near = centres.index_select(0, torch::randint(500, {12000}, torch::kLong));
  const Arguments clustered{
      boxes_at(near + torch::randn({12000, 2}) * 10, 60 + torch::randn({12000, 2}) * 10),
      torch::rand({12000}), 0.5};
  result.push_back({"nms, 12000 boxes in 500 clusters at 0.5", "nms", clustered, clustered});
  return result;
}

}  // namespace

int bench_ops(const BenchOptions& options) {
  use_threads(options);
  const bool torchvision = load_torchvision();
  print_machine(torchvision ? "" : "; torchvision is not installed beside LibTorch");
  std::printf("%-50s %10s %14s %8s\n", "", "lanner ms", "torchvision ms", "ratio");
  nlohmann::json table = nlohmann::json::array();
  for (const auto& row : rows()) {
    const bool compared = torchvision && !row.theirs.empty();
    const auto ours = work("lanner", row, row.ours);
    const auto theirs =
        compared ? work("torchvision", row, row.theirs) : std::function<void()>([] {});
    ours(), theirs();  // warm
    std::vector<double> mine, other, ratio;
    for (int64_t i = 0; i < options.runs; ++i) {
      mine.push_back(milliseconds(ours));
      other.push_back(milliseconds(theirs));
      ratio.push_back(other.back() / mine.back());
    }
    nlohmann::json entry{{"name", row.name}, {"lanner_ms", median(mine)}};
    if (compared) {
      entry["torchvision_ms"] = median(other);
      entry["ratio"] = median(ratio);
      std::printf("%-50s %10.2f %14.2f %7.1fx\n", row.name.c_str(), median(mine), median(other),
                  median(ratio));
    } else {
      std::printf("%-50s %10.2f %14s %8s\n", row.name.c_str(), median(mine), "-", "-");
    }
    std::fflush(stdout);
    table.push_back(entry);
  }
  write_rows(options, table);
  return 0;
}

}  // namespace lanner::tools
