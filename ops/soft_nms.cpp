#include "lanner/ops/soft_nms.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "lanner/ops/checks.h"
#include "lanner/ops/iou.h"

namespace lanner::ops {
namespace {

// The factor by which the score of a box decays, given its IoU with the selected box.
double decay(const SoftNmsOptions& options, double iou_value) {
  if (!(iou_value > 0)) return 1;  // NaN suppresses nothing
  if (options.method == "gaussian") return std::exp(-iou_value * iou_value / options.sigma);
  if (!(iou_value >= options.iou_threshold)) return 1;
  return options.method == "linear" ? 1 - iou_value : 0;
}

template <typename T>
std::tuple<at::Tensor, at::Tensor> run(const at::Tensor& boxes, const at::Tensor& scores,
                                       const SoftNmsOptions& options) {
  const T* box = boxes.const_data_ptr<T>();
  std::vector<T> score(scores.const_data_ptr<T>(), scores.const_data_ptr<T>() + scores.numel());
  std::vector<int64_t> remaining(score.size()), kept;
  std::iota(remaining.begin(), remaining.end(), 0);
  std::vector<T> kept_scores;
  while (!remaining.empty()) {
    auto best = remaining.begin();
    for (auto it = remaining.begin(); it != remaining.end(); ++it)
      if (score[*it] > score[*best]) best = it;
    const int64_t selected = *best;
    remaining.erase(best);
    if (!(score[selected] >= static_cast<T>(options.min_score))) continue;
    kept.push_back(selected);
    kept_scores.push_back(score[selected]);
    std::erase_if(remaining, [&](int64_t i) {
      score[i] *= static_cast<T>(decay(options, iou(box + 4 * selected, box + 4 * i)));
      return !(score[i] >= static_cast<T>(options.min_score));
    });
  }
  auto indices = at::empty({static_cast<int64_t>(kept.size())}, boxes.options().dtype(at::kLong));
  auto decayed_scores = at::empty({static_cast<int64_t>(kept.size())}, boxes.options());
  std::copy(kept.begin(), kept.end(), indices.mutable_data_ptr<int64_t>());
  std::copy(kept_scores.begin(), kept_scores.end(), decayed_scores.mutable_data_ptr<T>());
  return {indices, decayed_scores};
}

std::tuple<at::Tensor, at::Tensor> soft_nms_op(const at::Tensor& boxes, const at::Tensor& scores,
                                               c10::string_view method, double iou_threshold,
                                               double sigma, double min_score) {
  const SoftNmsOptions options{std::string(method), iou_threshold, sigma, min_score};
  check_nms("soft_nms", boxes, scores);
  TORCH_CHECK(method == "linear" || method == "gaussian" || method == "naive",
              "soft_nms: method: expected linear, gaussian or naive, got \"", method, "\"");
  TORCH_CHECK(method != "gaussian" || sigma > 0,
              "soft_nms: sigma: expected a positive number, got ", sigma);
  TORCH_CHECK(!std::isnan(min_score), "soft_nms: min_score: expected a number, got ", min_score);
  const auto type = boxes.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto to_host = [&](const at::Tensor& tensor) {
    return tensor.to(at::kCPU, type).contiguous();
  };
  const auto [kept, decayed_scores] = type == at::kDouble
                                          ? run<double>(to_host(boxes), to_host(scores), options)
                                          : run<float>(to_host(boxes), to_host(scores), options);
  return {kept.to(boxes.device()), decayed_scores.to(boxes.options())};
}

std::tuple<at::Tensor, at::Tensor> below_autograd(const at::Tensor& boxes, const at::Tensor& scores,
                                                  c10::string_view method, double iou_threshold,
                                                  double sigma, double min_score) {
  at::AutoDispatchBelowADInplaceOrView guard;
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::soft_nms", "")
                       .typed<decltype(below_autograd)>();
  return op.call(boxes, scores, method, iou_threshold, sigma, min_score);
}

TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def(
      "soft_nms(Tensor boxes, Tensor scores, str method=\"linear\", float iou_threshold=0.3, "
      "float sigma=0.5, float min_score=0.001) -> (Tensor indices, Tensor scores)");
}
TORCH_LIBRARY_IMPL(lanner, CPU, m) { m.impl("soft_nms", soft_nms_op); }
TORCH_LIBRARY_IMPL(lanner, CUDA, m) { m.impl("soft_nms", soft_nms_op); }
// A selection has no gradient.
TORCH_LIBRARY_IMPL(lanner, Autograd, m) { m.impl("soft_nms", below_autograd); }

}  // namespace

std::tuple<at::Tensor, at::Tensor> soft_nms(const at::Tensor& boxes, const at::Tensor& scores,
                                            const SoftNmsOptions& options) {
  return soft_nms_op(boxes, scores, options.method, options.iou_threshold, options.sigma,
                     options.min_score);
}

}  // namespace lanner::ops
