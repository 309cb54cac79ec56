#include "lanner/detectors/weights/safetensors.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

// Writes a file with this header and `data_size` zero bytes of data.
void write_raw(const fs::path& file, const std::string& header, size_t data_size) {
  const uint64_t size = header.size();
  write(file, std::string(reinterpret_cast<const char*>(&size), 8) + header +
                  std::string(data_size, '\0'));
}

}  // namespace

TEST_CASE("tensors and metadata survive a round trip") {
  const TemporaryFolder folder;
  const auto file = folder.path / "sub/a.safetensors";
  SafeTensors content;
  for (const auto type :
       {torch::kFloat, torch::kDouble, torch::kHalf, torch::kBFloat16, torch::kLong, torch::kBool})
    content.tensors[c10::toString(type)] = (torch::rand({3, 4}) * 10).to(type);
  content.tensors["scalar"] = torch::tensor(2.5);
  content.tensors["empty"] = torch::zeros({0, 7});
  content.tensors["channels_last"] =
      torch::rand({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  content.metadata["note"] = "a \"quoted\" line\n";
  write_safetensors(file, content);
  const auto loaded = read_safetensors(file);
  CHECK(loaded.metadata == content.metadata);
  REQUIRE(loaded.tensors.size() == content.tensors.size());
  for (const auto& [name, tensor] : content.tensors) {
    CHECK(loaded.tensors.at(name).scalar_type() == tensor.scalar_type());
    CHECK(at::equal(loaded.tensors.at(name), tensor));
  }
  CHECK_FALSE(fs::exists(file.string() + ".partial"));
}

TEST_CASE("read_safetensors rejects damaged files, naming file and field") {
  const TemporaryFolder folder;
  const auto file = folder.path / "bad.safetensors";
  CHECK_THROWS_WITH(read_safetensors(file), ContainsSubstring("no such file"));
  write(file, "xx");
  CHECK_THROWS_WITH(read_safetensors(file),
                    ContainsSubstring("bad.safetensors: header: not a safetensors file"));
  write_raw(file, "{not json", 0);
  CHECK_THROWS_WITH(read_safetensors(file), ContainsSubstring("header:"));
  write_raw(file, R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 8);
  CHECK_THROWS_WITH(read_safetensors(file), ContainsSubstring("w: shape: larger than the file"));
  write_raw(file, R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[4,16]}})", 16);
  CHECK_THROWS_WITH(read_safetensors(file), ContainsSubstring("w: data_offsets"));
  write_raw(file, R"({"w":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})", 8);
  CHECK_THROWS_WITH(read_safetensors(file), ContainsSubstring("unknown type \"F99\""));
  write_raw(file, R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8);
  CHECK_THROWS_WITH(read_safetensors(file), ContainsSubstring("w: shape"));
  write_raw(file, R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})",
            8);
  CHECK_THROWS_WITH(read_safetensors(file), ContainsSubstring("w: shape"));
  write_raw(file, R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 16);
  CHECK_THROWS_WITH(read_safetensors(file), ContainsSubstring("overlap or leave gaps"));
  CHECK_THROWS_WITH(write_safetensors("/proc/nowhere/a.safetensors", {}),
                    ContainsSubstring("cannot be written"));
}
