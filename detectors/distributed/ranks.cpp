#define USE_C10D_GLOO  // LibTorch's headers leave Gloo out without
#include "lanner/detectors/distributed/ranks.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <charconv>
#include <cstdlib>
#include <iostream>

#include "lanner/datasets/error.h"
#include "lanner/detectors/distributed/rank_errors.h"

namespace lanner::detectors {
namespace {

constexpr std::chrono::minutes kTimeout{10};

struct Group {
  Ranks ranks;
  c10::intrusive_ptr<c10d::ProcessGroup> process_group;  // null for a single rank
};

Group& group() {
  static Group group;
  return group;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int number(const char* name, int least) {
  const auto text = variable(name);
  int value = 0;
  const auto end = text.data() + text.size();
  if (std::from_chars(text.data(), end, value).ptr != end || text.empty() || value < least)
    throw usage_error(std::string(name) + ": expected a number from " + std::to_string(least) +
                      ", got \"" + text + "\"");
  return value;
}

[[noreturn]] void fail(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  throw Error(ExitCode::internal,
              "another rank is gone or does not answer: " +
                  std::string(c10_error ? c10_error->what_without_backtrace() : error.what()));
}

void wait(const std::function<c10::intrusive_ptr<c10d::Work>()>& begin) {
  try {
    begin()->wait();
  } catch (const std::exception& error) {
    fail(error);
  }
}

// Gathers tensors of one shape, [...], to [size, ...].
at::Tensor all_gathered(const at::Tensor& tensor) {
  std::vector<at::Tensor> input{tensor.contiguous()};
  std::vector<std::vector<at::Tensor>> output(1);
  for (int i = 0; i < group().ranks.size; ++i) output[0].push_back(torch::empty_like(input[0]));
  wait([&] { return group().process_group->allgather(output, input); });
  return torch::stack(output[0]);
}

struct GatherRows : torch::autograd::Function<GatherRows> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& rows) {
    return all_gathered(rows.detach()).flatten(0, 1);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 torch::autograd::variable_list gradients) {
    const auto sum = sum_over_ranks(gradients[0]);
    return {sum.chunk(group().ranks.size)[group().ranks.rank]};
  }
};

}  // namespace

Ranks ranks() { return group().ranks; }

bool is_restarted() {
  const auto count = variable("TORCHELASTIC_RESTART_COUNT");
  return !count.empty() && count != "0";
}

void join_ranks() {
  if (group().process_group || variable("WORLD_SIZE").empty()) return;
  const Ranks ranks{number("RANK", 0), number("WORLD_SIZE", 1)};
  if (ranks.size == 1) return;
  if (ranks.rank >= ranks.size)
    throw usage_error("RANK: expected less than WORLD_SIZE, " + std::to_string(ranks.size) +
                      ", got " + std::to_string(ranks.rank));
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(number("MASTER_PORT", 1));
  // torchrun itself may be the one that all connect to.
  options.isServer = ranks.is_first() && variable("TORCHELASTIC_USE_AGENT_STORE") != "True";
  options.numWorkers = ranks.size;
  options.waitWorkers = false;
  options.timeout = kTimeout;
  try {
    // Of each start anew, so that nothing of the one before is read.
    const auto store = c10::make_intrusive<c10d::PrefixStore>(
        "lanner/" + variable("TORCHELASTIC_RESTART_COUNT"),
        c10::make_intrusive<c10d::TCPStore>(variable("MASTER_ADDR"), options));
    const auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(
        store, ranks.rank, ranks.size, c10d::ProcessGroupGloo::Options::create_default(kTimeout));
    const auto process_group =
        c10::make_intrusive<c10d::ProcessGroup>(store, ranks.rank, ranks.size);
    for (const auto device : {c10::DeviceType::CPU, c10::DeviceType::CUDA})
      process_group->setBackend(device, c10d::ProcessGroup::BackendType::GLOO, gloo);
    process_group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
    group() = {ranks, process_group};
  } catch (const std::exception& error) {
    fail(error);
  }
  if (!ranks.is_first()) show_errors_alone(ranks.rank);
}

SingleRankGuard::SingleRankGuard() : ranks_(group().ranks) { group().ranks = {}; }
SingleRankGuard::~SingleRankGuard() { group().ranks = ranks_; }

at::Tensor sum_over_ranks(const at::Tensor& tensor) {
  if (group().ranks.size == 1) return tensor;
  std::vector<at::Tensor> sum{tensor.detach().contiguous().clone()};
  wait([&] { return group().process_group->allreduce(sum); });
  return sum[0];
}

double mean_over_ranks(double value) {
  if (group().ranks.size == 1) return value;
  return sum_over_ranks(torch::tensor(value, torch::kDouble)).item<double>() / group().ranks.size;
}

std::vector<std::string> gather_over_ranks(const std::string& bytes) {
  if (group().ranks.size == 1) return {bytes};
  const auto sizes = all_gathered(torch::tensor(static_cast<int64_t>(bytes.size())));
  auto padded = torch::zeros({sizes.max().item<int64_t>()}, torch::kByte);
  std::copy(bytes.begin(), bytes.end(), padded.data_ptr<uint8_t>());
  const auto all = all_gathered(padded);
  std::vector<std::string> result;
  for (int i = 0; i < group().ranks.size; ++i) {
    const auto* begin = all[i].data_ptr<uint8_t>();
    result.emplace_back(begin, begin + sizes[i].item<int64_t>());
  }
  return result;
}

at::Tensor gather_rows(const at::Tensor& rows) {
  return group().ranks.size == 1 ? rows : GatherRows::apply(rows);
}

void copy_from_first_rank(const std::vector<at::Tensor>& tensors) {
  if (group().ranks.size == 1) return;
  const torch::NoGradGuard no_grad;
  for (const auto& tensor : tensors) {
    std::vector<at::Tensor> copy{tensor.contiguous()};
    wait([&] { return group().process_group->broadcast(copy); });
    tensor.copy_(copy[0]);
  }
}

struct GradientSync::Reducer {
  explicit Reducer(const std::vector<at::Tensor>& parameters)
      : reducer(parameters,
                // In the order in which the backward pass is expected to reach them.
                [&] {
                  auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(
                      parameters, {c10d::kDefaultFirstBucketBytes, c10d::kDefaultBucketBytesCap}));
                  std::reverse(buckets.begin(), buckets.end());
                  return buckets;
                }(),
                group().process_group, std::vector<bool>(parameters.size(), false),
                c10d::kDefaultBucketBytesCap, /*find_unused_parameters=*/true,
                /*gradient_as_bucket_view=*/false, {}, c10d::kDefaultFirstBucketBytes,
                /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false, {}) {}
  c10d::Reducer reducer;
};

GradientSync::GradientSync(const std::vector<at::Tensor>& parameters) {
  if (group().ranks.size > 1) reducer_ = std::make_unique<Reducer>(parameters);
}
GradientSync::~GradientSync() = default;

void GradientSync::before_backward(const at::Tensor& loss) {
  if (!reducer_) return;
  try {
    reducer_->reducer.prepare_for_backward({loss});
  } catch (const std::exception& error) {
    fail(error);
  }
}

}  // namespace lanner::detectors
