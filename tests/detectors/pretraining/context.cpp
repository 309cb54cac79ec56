#include "lanner/detectors/pretraining/context.h"

#include "tests/catch.h"

using namespace lanner::detectors;

TEST_CASE("the context at a row sees that row and those above, no others") {
  for (const std::string kind : {"conv", "gru"}) {
    torch::manual_seed(1);
    const auto context = make_context(kind, 8);
    auto z = torch::rand({2, 8, 6, 5}).set_requires_grad(true);
    const auto seen = context->forward(z);
    REQUIRE(seen.sizes() == z.sizes());
    for (int64_t row = 0; row < 6; ++row) {
      const auto grad =
          torch::autograd::grad({seen[0].select(1, row).square().sum()}, {z}, {}, true)[0];
      for (int64_t r = 0; r < 6; ++r) {
        INFO(kind << ", context at row " << row << ", row " << r);
        CHECK((grad[0].select(1, r).abs().sum().item<double>() > 0) == (r <= row));
      }
      CHECK(grad[1].abs().sum().item<double>() == 0);  // nor another image
    }
  }
}
