#include "lanner/detectors/pretraining/context.h"

#include <torch/csrc/autograd/autograd.h>

#include "tests/catch.h"

using namespace lanner::detectors;

TEST_CASE("the context at a row depends only on that row and the rows above it") {
  for (const std::string name : {"conv", "gru"}) {
    torch::manual_seed(1);
    const auto context = make_context(name, 8);
    auto z = torch::rand({2, 8, 6, 5}).set_requires_grad(true);
    const auto context_features = context->forward(z);
    REQUIRE(context_features.sizes() == z.sizes());
    for (int64_t row = 0; row < 6; ++row) {
      const auto grad = torch::autograd::grad({context_features[0].select(1, row).square().sum()},
                                              {z}, {}, true)[0];
      for (int64_t input_row = 0; input_row < 6; ++input_row) {
        INFO(name << ", context at row " << row << ", input row " << input_row);
        CHECK((grad[0].select(1, input_row).abs().sum().item<double>() > 0) == (input_row <= row));
      }
      CHECK(grad[1].abs().sum().item<double>() == 0);  // the other image
    }
  }
}
