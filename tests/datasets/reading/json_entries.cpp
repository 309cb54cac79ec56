#include "lanner/datasets/reading/json_entries.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

struct Entries {
  JsonLists lists;
  std::vector<std::string> texts;  // "list[index]=text"
};

Entries read_entries(const std::string& text) {
  const TemporaryFolder folder;
  write(folder.path / "a.json", text);
  Entries result;
  result.lists = for_each_entry(folder.path / "a.json", [&](const JsonEntry& entry) {
    result.texts.push_back(std::string(entry.list) + "[" + std::to_string(entry.index) +
                           "]=" + std::string(entry.text));
  });
  return result;
}

}  // namespace

TEST_CASE("for_each_entry finds the entries of all lists among other members") {
  const auto read = read_entries(
      "\xEF\xBB\xBF {\"info\": {\"a\": [1, {\"b\": \"]}\"}]}, \"one\" : "
      "[{\"x\\\"]\": [[1], 2]}, 3 ,\"s\"], \"empty\":[]} \n");
  CHECK(read.lists.problem.empty());
  CHECK(read.lists.names == std::vector<std::string>{"one", "empty"});
  CHECK(read.texts ==
        std::vector<std::string>{R"(one[0]={"x\"]": [[1], 2]})", "one[1]=3", "one[2]=\"s\""});
  CHECK(read_entries("[1,[2]]").texts == std::vector<std::string>{"[0]=1", "[1]=[2]"});
}

TEST_CASE("for_each_entry returns entries larger than its window") {
  const std::string large(9'000'000, 'x');
  const auto read = read_entries("{\"a\": [\"" + large + "\", \"" + large + "\", 7]}");
  REQUIRE(read.texts.size() == 3);
  CHECK(read.texts[1].size() == large.size() + 7);
  CHECK(read.texts[2] == "a[2]=7");
}

TEST_CASE("for_each_entry reports syntax errors with their position") {
  const std::pair<const char*, const char*> documents[] = {
      {"", "the file is empty"},
      {"  ", "the file is empty"},
      {"7", "expected { to begin the document, got 7 at byte 0"},
      {"{\"a\": [1, 2", "unexpected end at byte 11"},
      {"{\"a\": [1 2]}", "expected ] after a[0], got 2 at byte 9"},
      {"{\"a\": [1,]}", "expected a value, got ] at byte 9"},
      {"{\"a\": \"b", "unexpected end within a string at byte 8"},
      {"{\"a\" 1}", "expected : after \"a\", got 1 at byte 5"},
      {"{a: 1}", "expected a member name at byte 1"},
      {"{\"a\": {\"b\": 1}", "unexpected end at byte 14"},
      {"[1] [2]", "more text after the document at byte 4"}};
  for (const auto& [text, problem] : documents) {
    INFO(text);
    CHECK(read_entries(text).lists.problem == problem);
  }
}
