#include "lanner/detectors/flop_count.h"

#include "lanner/ops/torch.h"

#include "tests/catch.h"

using namespace lanner::detectors;

TEST_CASE(
    "FlopCount counts convolutions, linear layers and matrix products, forward and backward") {
  const auto images = torch::rand({2, 3, 8, 8});
  torch::nn::Conv2d first(torch::nn::Conv2dOptions(3, 4, 3).padding(1).bias(false));
  torch::nn::Conv2d second(torch::nn::Conv2dOptions(4, 5, 1));
  torch::nn::Linear last(5, 7);
  const double a = 2. * 2 * 64 * 4 * 3 * 9, b = 2. * 2 * 64 * 5 * 4, c = 2. * 2 * 7 * 5;
  const FlopCount count;
  const auto out = last(second(first(images)).mean({2, 3}));
  CHECK(count.total() == a + b + c);
  out.sum().backward();  // without the gradient of the images
  CHECK(count.total() == 2 * a + 3 * b + 3 * c);
  const torch::NoGradGuard no_grad;
  torch::matmul(torch::rand({6, 5}), torch::rand({5, 4}));
  CHECK(count.total() == 2 * a + 3 * b + 3 * c + 2. * 6 * 5 * 4);
}

TEST_CASE("FlopCount passes over calls that fail, and counts on") {
  const FlopCount count;
  const torch::NoGradGuard no_grad;
  CHECK_THROWS(torch::matmul(torch::rand({6, 5}), torch::rand({4, 4})));
  CHECK_THROWS(at::conv2d(torch::rand({1, 3, 8, 8}), torch::rand({4, 2, 3, 3})));
  CHECK_THROWS(at::mm(torch::rand({6, 5}), torch::rand({5})));
  CHECK(count.total() == 0);
  torch::matmul(torch::rand({6, 5}), torch::rand({5, 4}));
  CHECK(count.total() == 2. * 6 * 5 * 4);
}
