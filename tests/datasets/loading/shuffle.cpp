#include "lanner/datasets/loading/shuffle.h"

#include <set>

#include "tests/catch.h"

using lanner::datasets::Shuffle;

TEST_CASE("each pass contains each item once") {
  Shuffle shuffle(10, 3);
  std::set<int64_t> seen;
  for (int64_t i = 10; i < 20; ++i) seen.insert(shuffle(i));
  CHECK(seen.size() == 10);
  CHECK(shuffle(57) == Shuffle(10, 3)(57));
  for (const int64_t place : {41, 33, 8, 25, 8})  // as threads that lag behind ask for them
    CHECK(shuffle(place) == Shuffle(10, 3)(place));
  CHECK(Shuffle(1000, 1)(3) != Shuffle(1000, 2)(3));
}

TEST_CASE("landscape and portrait images are batched separately, each once per pass") {
  std::vector<char> is_portrait(23);
  for (size_t i = 0; i < is_portrait.size(); ++i) is_portrait[i] = i % 3 == 0;
  Shuffle shuffle(is_portrait, 4, 9);
  int mixed = 0;
  for (int64_t pass = 0; pass < 4; ++pass) {
    std::set<int64_t> seen;
    for (int64_t i = 0; i < 23; ++i) seen.insert(shuffle(pass * 23 + i));
    CHECK(seen.size() == 23);
  }
  Shuffle again(is_portrait, 4, 9);
  for (int64_t batch = 0; batch < 23; ++batch) {
    int portraits = 0;
    for (int64_t i = 0; i < 4; ++i) portraits += is_portrait[again(batch * 4 + i)];
    mixed += portraits != 0 && portraits != 4;
  }
  CHECK(mixed <= 8);  // at most two per pass, at its end and its beginning
}
