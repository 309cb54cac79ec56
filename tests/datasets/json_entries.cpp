#include "lanner/datasets/json_entries.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

struct Read {
  JsonLists lists;
  std::vector<std::string> entries;  // "list[index]=text"
};

Read read_entries(const std::string& text) {
  const TemporaryFolder folder;
  write(folder.path / "a.json", text);
  Read read;
  read.lists = for_each_entry(folder.path / "a.json", [&](const JsonEntry& entry) {
    read.entries.push_back(std::string(entry.list) + "[" + std::to_string(entry.index) +
                           "]=" + std::string(entry.text));
  });
  return read;
}

}  // namespace

TEST_CASE("the entries of a document's lists are found, whatever else it holds") {
  const auto read = read_entries(
      "\xEF\xBB\xBF {\"info\": {\"a\": [1, {\"b\": \"]}\"}]}, \"one\" : "
      "[{\"x\\\"]\": [[1], 2]}, 3 ,\"s\"], \"empty\":[]} \n");
  CHECK(read.lists.problem.empty());
  CHECK(read.lists.names == std::vector<std::string>{"one", "empty"});
  CHECK(read.entries ==
        std::vector<std::string>{R"(one[0]={"x\"]": [[1], 2]})", "one[1]=3", "one[2]=\"s\""});
  CHECK(read_entries("[1,[2]]").entries == std::vector<std::string>{"[0]=1", "[1]=[2]"});
}

TEST_CASE("an entry larger than the window that is read comes whole") {
  const std::string large(9'000'000, 'x');
  const auto read = read_entries("{\"a\": [\"" + large + "\", \"" + large + "\", 7]}");
  REQUIRE(read.entries.size() == 3);
  CHECK(read.entries[1].size() == large.size() + 7);
  CHECK(read.entries[2] == "a[2]=7");
}

TEST_CASE("what is wrong around the entries is said with its place") {
  const std::pair<const char*, const char*> documents[] = {
      {"", "the file is empty"},
      {"  ", "the file is empty"},
      {"7", "expected { to begin the document, got 7 at byte 0"},
      {"{\"a\": [1, 2", "unexpected end at byte 11"},
      {"{\"a\": [1 2]}", "expected ] after a[0], got 2 at byte 9"},
      {"{\"a\": [1,]}", "expected a value, got ] at byte 9"},
      {"{\"a\": \"b", "unexpected end within a string at byte 8"},
      {"{\"a\" 1}", "expected : after \"a\", got 1 at byte 5"},
      {"{a: 1}", "expected a member's name at byte 1"},
      {"{\"a\": {\"b\": 1}", "unexpected end at byte 14"},
      {"[1] [2]", "more text behind the document at byte 4"}};
  for (const auto& [text, problem] : documents) {
    INFO(text);
    CHECK(read_entries(text).lists.problem == problem);
  }
}
