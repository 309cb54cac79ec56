// Malformed operator calls, made by changing one or two arguments of valid calls. Each must return
// a result or throw an exception. Under the preset "asan", none may access memory out of bounds.
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "tests/catch.h"

#include <limits>
#include <random>

#include "lanner/ops/nms.h"

using c10::IValue;

namespace {

constexpr int kCallsPerOperator = 400;

struct Call {
  const char* op;
  std::vector<IValue> arguments;
};

at::Tensor rois() {
  return at::tensor({0.f, 1.f, 2.f, 15.f, 11.f, 1.f, -4.f, 3.f, 9.f, 30.f, 0.f, 5.f, 5.f, 5.f, 5.f})
      .view({3, 5});
}

std::vector<Call> valid_calls() {
  const IValue none;
  const auto boxes = rois().slice(1, 1, 5).contiguous(), scores = at::rand({3});
  const auto input = at::rand({2, 8, 6, 7}), pooled = at::rand({3, 8, 2, 2});
  const auto small = at::rand({3, 2, 2, 2}), offset = at::randn({3, 2, 2, 2});
  const auto conv_offset = at::randn({2, 36, 6, 7}), mask = at::rand({2, 18, 6, 7});
  const auto weight = at::rand({4, 8, 3, 3}), out = at::rand({2, 4, 6, 7});
  const std::vector<int64_t> one{1, 1};
  return {
      {"nms", {boxes, scores, 0.5}},
      {"batched_nms", {boxes, scores, at::zeros({3}, at::kLong), 0.5}},
      {"soft_nms", {boxes, scores, "gaussian", 0.3, 0.5, 0.001}},
      {"box_iou", {boxes, boxes}},
      {"generalized_box_iou", {boxes, boxes}},
      {"encode_boxes", {boxes, boxes, 1., 1., 1., 1.}},
      {"decode_boxes", {at::rand({3, 8}), boxes, 1., 1., 1., 1.}},
      {"roi_align", {input, rois(), 0.5, 2, 2, 0, false}},
      {"_roi_align_backward", {pooled, rois(), 0.5, 2, 2, 2, true, 2, 8, 6, 7}},
      {"roi_pool", {input, rois(), 0.5, 2, 2}},
      {"_roi_pool_backward",
       {pooled, rois(), at::randint(-1, 42, {3, 8, 2, 2}, at::kInt), 2, 8, 6, 7}},
      {"ps_roi_pool", {input, rois(), 0.5, 2, 2, false}},
      {"_ps_roi_pool_backward", {small, rois(), 0.5, 2, 2, true, 2, 8, 6, 7}},
      {"ps_roi_align", {input, rois(), 0.5, 2, 2, 0}},
      {"_ps_roi_align_backward", {small, rois(), 0.5, 2, 2, 0, 2, 8, 6, 7}},
      {"deform_conv2d", {input, conv_offset, weight, mask, at::rand({4}), one, one, one}},
      {"_deform_conv2d_backward", {out, input, conv_offset, weight, mask, one, one, one}},
      {"deform_roi_pool", {input, rois(), offset, 0.5, 2, 2, 0, 0.1}},
      {"_deform_roi_pool_backward", {pooled, input, rois(), offset, 0.5, 2, 2, 0, 0.1}},
      {"deform_ps_roi_pool", {input, rois(), offset, 0.5, 2, 2, 2, 2, 0.1}},
      {"_deform_ps_roi_pool_backward", {small, input, rois(), offset, 0.5, 2, 2, 2, 2, 0.1}},
  };
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  IValue operator()(const IValue& value) {
    if (value.isTensor()) return tensor(value.toTensor());
    if (value.isInt())
      return random_choice<int64_t>(
          {-1, 0, 1, 2, 3, 7, 64, 1025, INT32_MAX, int64_t{1} << 40, INT64_MAX, INT64_MIN});
    if (value.isDouble())
      return random_choice<double>({0, -1, 1e-30, 1e30, 1, std::numeric_limits<double>::quiet_NaN(),
                                    std::numeric_limits<double>::infinity(), -1e300});
    if (value.isBool()) return !value.toBool();
    if (value.isString())
      return random_choice<std::string>({"", "linear", "naive", "no such method"});
    if (value.isIntList()) {
      std::vector<int64_t> list(below(4));
      for (auto& item : list) item = random_choice<int64_t>({-1, 0, 1, 2, 5, 1 << 20, INT64_MAX});
      return list;
    }
    return value;
  }

  int64_t below(int64_t count) {
    return std::uniform_int_distribution<int64_t>(0, count - 1)(random_);
  }

 private:
  template <typename T>
  T random_choice(std::initializer_list<T> values) {
    return *(values.begin() + below(static_cast<int64_t>(values.size())));
  }

  at::Tensor tensor(const at::Tensor& t) {
    const float inf = std::numeric_limits<float>::infinity();
    if (!t.defined() || t.dim() == 0) return t;
    switch (below(12)) {
      case 0:
        return t.to(
            random_choice({at::kDouble, at::kHalf, at::kBFloat16, at::kInt, at::kLong, at::kBool}));
      case 1:
        return t.unsqueeze(0);
      case 2:
        return t.flatten();
      case 3:  // another size along one dimension, possibly 0
        return t.slice(below(t.dim()), 0, below(3));
      case 4:
        return at::cat({t, t}, below(t.dim()));
      case 5:
        return t.transpose(0, t.dim() - 1);
      case 6:
        return at::empty({0}, t.options());
      case 7:
        return at::Tensor();
      case 8:
        return t.to(at::kMeta);
      default: {  // unusual values in some elements: batch indices, coordinates, offsets
        auto mutated = t.clone(at::MemoryFormat::Contiguous);
        if (!mutated.is_floating_point() || mutated.numel() == 0) return mutated.fill_(INT32_MAX);
        auto flat = mutated.view({-1});
        for (int i = 0; i < 4; ++i)
          flat[below(flat.numel())] = random_choice(
              {-1.f, 1e9f, 1e30f, -1e30f, inf, -inf, std::nanf(""), 2.f, -0.5f, 3e38f});
        return mutated;
      }
    }
  }

  std::mt19937 random_;
};

// Calls the operator and computes the gradients of its result.
void call(const c10::OperatorHandle& op, std::vector<IValue> stack) {
  std::vector<at::Tensor> leaves;
  for (auto& value : stack)
    if (value.isTensor() && value.toTensor().defined() && value.toTensor().is_floating_point()) {
      value = value.toTensor().detach().set_requires_grad(true);
      leaves.push_back(value.toTensor());
    }
  op.callBoxed(stack);
  const auto result = stack.at(0).toTensor();
  if (result.requires_grad() && !result.is_meta())
    torch::autograd::grad({result.sum()}, leaves, {}, std::nullopt, false, /*allow_unused=*/true);
}

}  // namespace

TEST_CASE("thousands of malformed calls return or throw without crashing") {
  at::manual_seed(41);
  Mutator mutate(42);
  int calls = 0, errors = 0;
  for (const auto& valid : valid_calls()) {
    const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(
        (std::string("lanner::") + valid.op).c_str(), "");
    auto stack = valid.arguments;
    CHECK_NOTHROW(op.callBoxed(stack));
    for (int i = 0; i < kCallsPerOperator; ++i, ++calls) {
      auto arguments = valid.arguments;
      for (int64_t changes = 1 + mutate.below(2); changes > 0; --changes) {
        auto& argument = arguments[mutate.below(static_cast<int64_t>(arguments.size()))];
        argument = mutate(argument);
      }
      try {
        call(op, arguments);
      } catch (const std::exception& error) {
        CHECK(std::string(error.what()).size() > 0);
        ++errors;
      }
    }
  }
  INFO(calls << " calls, " << errors << " errors");
  CHECK(calls >= 3000);
  CHECK(errors > calls / 4);  // many mutations must be invalid
  CHECK(errors < calls);      // and some must remain valid
}

TEST_CASE("the error of a malformed call names the operator and shows the received shape") {
  for (const auto& valid : valid_calls()) {
    auto arguments = valid.arguments;
    arguments[1] = at::zeros({3, 6, 1}, arguments[1].toTensor().options());
    const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(
        (std::string("lanner::") + valid.op).c_str(), "");
    INFO(valid.op);
    try {
      op.callBoxed(arguments);
      FAIL("no error");
    } catch (const c10::Error& error) {
      std::string name = valid.op[0] == '_' ? valid.op + 1 : valid.op;
      name = name.substr(0, name.find("_backward"));
      if (name == "encode_boxes" || name == "decode_boxes") name = "BoxCoder";
      CHECK_THAT(std::string(error.what_without_backtrace()), ContainsSubstring(name));
      CHECK_THAT(std::string(error.what_without_backtrace()), ContainsSubstring("[3, 6, 1]"));
    }
  }
}
