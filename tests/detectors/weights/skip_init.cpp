#include "lanner/detectors/weights/skip_init.h"

#include <thread>

#include "lanner/detectors/weights/checkpoint.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("random fills leave tensors as they are, in the guard's thread and scope alone") {
  const auto is_filled = [] {
    auto normal = torch::zeros({4}), uniform = torch::zeros({4});
    normal.normal_(), uniform.uniform_();
    return normal.any().item<bool>() && uniform.any().item<bool>();
  };
  {
    const SkipInit skip;
    CHECK_FALSE(is_filled());
    CHECK((torch::zeros({2}).fill_(3) == 3).all().item<bool>());
    bool in_another_thread = false;
    std::thread([&] { in_another_thread = is_filled(); }).join();
    CHECK(in_another_thread);
  }
  CHECK(is_filled());
}

TEST_CASE("loading a detector draws no random numbers") {
  const TemporaryFolder folder;
  save_detector(folder.path / "w.safetensors", Detector(tiny_options()));
  torch::manual_seed(1);
  load_detector(folder.path / "w.safetensors");
  const auto drawn = torch::rand({4});
  torch::manual_seed(1);
  CHECK(torch::equal(drawn, torch::rand({4})));
}
