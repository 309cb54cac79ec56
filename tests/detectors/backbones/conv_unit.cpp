#include "lanner/detectors/backbones/conv_unit.h"

#include <torch/csrc/autograd/autograd.h>

#include "lanner/detectors/autocast.h"
#include "tests/catch.h"

using namespace lanner::detectors;

namespace {

struct Parts {
  torch::nn::Conv2d conv;
  NormLayer norm{nullptr};

  // With 32 channels and a stride of 1, Winograd's convolution is used: at detection, and in
  // training for batches of at least 512 pixels.
  Parts(int64_t in, int64_t out, std::optional<Norm> kind, int64_t stride = 2)
      : conv(torch::nn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(!kind)) {
    if (!kind) return;
    norm = NormLayer(*kind, out);
    norm->eval();
    norm->weight.detach().uniform_(0.5, 2), norm->bias.detach().normal_();
    if (!norm->running_mean.defined()) return;
    norm->running_mean.normal_(), norm->running_var.uniform_(0.5, 2);
  }
  at::Tensor plain(const at::Tensor& x, const at::Tensor& addend, bool relu) {
    auto out = conv(x);
    if (!norm.is_empty()) out = norm(out);
    if (addend.defined()) out = out + addend;
    return relu ? out.relu() : out;
  }
};

const std::optional<Norm> kNorms[] = {std::nullopt, Norm::frozen_batch, Norm::batch,
                                      Norm::group,  Norm::layer,        Norm::none};

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(torch::kFloat) - b).abs().max().item<double>();
}

}  // namespace

TEST_CASE("a unit is its convolution, norm, addend and ReLU, with and without gradients") {
  torch::manual_seed(1);
  for (const auto& [in, stride] : {std::pair{3, 2}, {32, 2}, {32, 1}})
    for (const auto& norm : kNorms)
      for (const bool relu : {false, true})
        for (const bool add : {false, true})
          for (const bool gradients : {false, true}) {
            Parts parts(in, 32, norm, stride);
            const ConvUnit unit(parts.conv, parts.norm, relu);
            const auto x = torch::randn({2, in, 23, 14});
            const auto addend =
                add ? torch::randn({2, 32, stride == 1 ? 23 : 12, 14 / stride}) : at::Tensor();
            const auto expected = parts.plain(x, addend, relu);
            const torch::AutoGradMode mode(gradients);
            CHECK(difference(unit(x, addend), expected) < 1e-4);
            // Once more: by what was kept of the first call.
            CHECK(difference(unit(x, addend), expected) < 1e-4);
          }
}

TEST_CASE("a unit follows its weights, however they change") {
  const auto stride = GENERATE(1, 2);
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  Parts parts(32, 32, Norm::batch, stride);
  const ConvUnit unit(parts.conv, parts.norm, true);
  const auto x = 0.1 * torch::randn({1, 32, 9, 9});
  const auto same = [&] { return difference(unit(x), parts.plain(x, {}, true)) < 1e-4; };
  CHECK(same());
  parts.conv->weight.mul_(2);
  CHECK(same());
  parts.norm->running_mean.add_(1);
  CHECK(same());
  parts.norm->eps = 0.1;
  CHECK(same());
  parts.conv->weight.variable_data().normal_();  // Python's .data, which torch does not count
  parts.conv->eval();
  CHECK(same());
  parts.conv->weight.variable_data().slice(0, 1).mul_(3);
  parts.conv->train();
  CHECK(same());
  parts.conv->weight.variable_data().slice(0, 1).mul_(0.2);
  parts.conv->to(torch::kCPU);
  CHECK(same());
  parts.conv->weight.set_data(torch::randn_like(parts.conv->weight));
  CHECK(same());
  parts.norm->train();  // by the batch's own statistics
  CHECK(same());
}

TEST_CASE("an addend that others hold, or share the memory of, keeps its values") {
  const auto stride = GENERATE(1, 2);
  torch::manual_seed(5);
  const torch::NoGradGuard no_grad;
  Parts parts(32, 32, Norm::frozen_batch, stride);
  const ConvUnit unit(parts.conv, parts.norm, true);
  const auto x = torch::randn({1, 32, 9, 9});
  const auto both = torch::randn({2, 32, stride == 1 ? 9 : 5, stride == 1 ? 9 : 5})
                        .contiguous(at::MemoryFormat::ChannelsLast);
  const auto before = both.clone();
  const auto held = both.slice(0, 0, 1);
  CHECK(difference(unit(x, held), parts.plain(x, held, true)) < 1e-4);
  CHECK(difference(unit(x, both.slice(0, 1, 2)), parts.plain(x, both.slice(0, 1, 2), true)) < 1e-4);
  CHECK(at::equal(both, before));
}

TEST_CASE("the gradients of a unit are those of its parts") {
  torch::manual_seed(3);
  for (const auto& [in, stride, size] : {std::tuple{16, 2, 6}, {32, 1, 18}})
    for (const auto& norm : kNorms) {
      Parts parts(in, 32, norm, stride);
      const ConvUnit unit(parts.conv, parts.norm, true);
      auto x = torch::randn({2, in, size, size}).requires_grad_();
      // Outputs so near 0 that rounding decides whether ReLU passes them have no weight.
      const auto weights = torch::randn({2, 32, size / stride, size / stride})
                               .masked_fill(parts.plain(x, {}, false).abs() < 1e-3, 0);
      std::vector<at::Tensor> leaves{x, parts.conv->weight};
      const auto expected =
          torch::autograd::grad({(parts.plain(x, {}, true) * weights).sum()}, leaves);
      const auto found = torch::autograd::grad({(unit(x) * weights).sum()}, leaves);
      for (size_t i = 0; i < leaves.size(); ++i) CHECK(difference(found[i], expected[i]) < 1e-3);
    }
}

TEST_CASE("under autocast a unit computes in sixteen bits") {
  torch::manual_seed(4);
  const torch::NoGradGuard no_grad;
  Parts parts(32, 32, Norm::frozen_batch);
  const ConvUnit unit(parts.conv, parts.norm, true);
  const auto x = torch::randn({1, 32, 9, 9}), addend = torch::randn({1, 32, 5, 5});
  const auto expected = parts.plain(x, addend, true);
  const Autocast autocast(true, torch::kCPU);
  const auto found = unit(x, addend);
  CHECK(found.scalar_type() == torch::kBFloat16);
  CHECK(difference(found, expected) < 0.1);
}

TEST_CASE("a strided 1x1 convolution of few channels has the gradients of one in double") {
  torch::manual_seed(11);
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(8, 16, 1).stride(2).bias(false));
  const auto exact = conv->weight.detach().to(torch::kDouble).requires_grad_();
  const ConvUnit unit(conv, nullptr, false);
  for (int i = 0; i < 40; ++i) {  // what was written beyond the memory crashed sooner or later
    const auto x = torch::randn({4, 8, 57, 56}).contiguous(at::MemoryFormat::ChannelsLast);
    const auto y = unit(x), expected = at::conv2d(x.to(torch::kDouble), exact, {}, 2);
    REQUIRE(y.sizes() == expected.sizes());
    CHECK(at::allclose(y.to(torch::kDouble), expected, 1e-4, 1e-5));
    const auto g = torch::randn_like(y);
    const auto ours = torch::autograd::grad({y}, {conv->weight}, {g})[0];
    const auto theirs = torch::autograd::grad({expected}, {exact}, {g.to(torch::kDouble)})[0];
    CHECK(at::allclose(ours.to(torch::kDouble), theirs, 1e-3, 1e-3));
  }
}
