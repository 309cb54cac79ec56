#include "lanner/detectors/inference/views.h"

#include "tests/catch.h"

using namespace lanner::detectors;

TEST_CASE("tiles cover a length, overlap enough, and end where it ends") {
  CHECK(tile_positions(100, 100, 0.2) == std::vector<int>{0});
  CHECK(tile_positions(80, 100, 0.2) == std::vector<int>{0});
  for (const int length : {101, 150, 1000, 4096})
    for (const double overlap : {0., 0.2, 0.5}) {
      const auto positions = tile_positions(length, 100, overlap);
      CHECK(positions.front() == 0);
      CHECK(positions.back() == length - 100);
      for (size_t i = 1; i < positions.size(); ++i)
        CHECK(positions[i] - positions[i - 1] <= 100 * (1 - overlap) + 1);
    }
}
