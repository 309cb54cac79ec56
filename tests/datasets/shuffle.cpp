#include "lanner/datasets/shuffle.h"

#include <set>

#include "tests/catch.h"

using lanner::datasets::Shuffle;

TEST_CASE("an epoch holds each image once") {
  Shuffle shuffle(10, 3);
  std::set<int64_t> seen;
  for (int64_t i = 10; i < 20; ++i) seen.insert(shuffle(i));
  CHECK(seen.size() == 10);
  CHECK(shuffle(57) == Shuffle(10, 3)(57));
  for (const int64_t place : {41, 33, 8, 25, 8})  // threads lag behind one another
    CHECK(shuffle(place) == Shuffle(10, 3)(place));
  CHECK(Shuffle(1000, 1)(3) != Shuffle(1000, 2)(3));
}

TEST_CASE("images that lie and images that stand come in batches of their own, each once a pass") {
  std::vector<char> stands(23);
  for (size_t i = 0; i < stands.size(); ++i) stands[i] = i % 3 == 0;
  Shuffle shuffle(stands, 4, 9);
  int mixed = 0;
  for (int64_t pass = 0; pass < 4; ++pass) {
    std::set<int64_t> seen;
    for (int64_t i = 0; i < 23; ++i) seen.insert(shuffle(pass * 23 + i));
    CHECK(seen.size() == 23);
  }
  Shuffle again(stands, 4, 9);
  for (int64_t batch = 0; batch < 23; ++batch) {
    int standing = 0;
    for (int64_t i = 0; i < 4; ++i) standing += stands[again(batch * 4 + i)];
    mixed += standing != 0 && standing != 4;
  }
  CHECK(mixed <= 8);  // at most two a pass, where it ends and where it begins
}
