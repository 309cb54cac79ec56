#include "lanner/detectors/weights/safetensors.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/sha256.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHash = "sha256";  // metadata: of all tensors' bytes, in the file's order
constexpr uint64_t kMaxHeaderSize = 100'000'000;  // a limit of the format, in bytes

struct TypeName {
  at::ScalarType type;
  const char* name;
};
constexpr TypeName kTypes[] = {{at::kDouble, "F64"},    {at::kFloat, "F32"}, {at::kHalf, "F16"},
                               {at::kBFloat16, "BF16"}, {at::kLong, "I64"},  {at::kInt, "I32"},
                               {at::kShort, "I16"},     {at::kChar, "I8"},   {at::kByte, "U8"},
                               {at::kBool, "BOOL"}};

at::ScalarType type_from_name(const std::string& name) {
  for (const auto& known : kTypes)
    if (name == known.name) return known.type;
  throw bad_data("dtype: unknown type \"" + name + "\"");
}

std::string type_name(at::ScalarType type) {
  for (const auto& known : kTypes)
    if (type == known.type) return known.name;
  throw bad_data(std::string("dtype: cannot be stored: ") + c10::toString(type));
}

SafeTensors read(std::ifstream& in, uint64_t file_size) {
  uint64_t header_size = 0;
  in.read(reinterpret_cast<char*>(&header_size), 8);  // little-endian, like all supported machines
  if (!in || header_size > kMaxHeaderSize || header_size + 8 > file_size)
    throw bad_data("header: not a safetensors file, or truncated");
  std::string text(header_size, '\0');
  in.read(text.data(), static_cast<std::streamsize>(header_size));
  const auto header = nlohmann::json::parse(text);
  const uint64_t data_size = file_size - 8 - header_size;
  SafeTensors content;
  std::map<uint64_t, uint64_t> extents;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      content.metadata = entry.get<std::map<std::string, std::string>>();
      continue;
    }
    const auto shape = entry.at("shape").get<std::vector<int64_t>>();
    const auto offsets = entry.at("data_offsets").get<std::array<uint64_t, 2>>();
    const auto type = type_from_name(entry.at("dtype").get<std::string>());
    uint64_t bytes = c10::elementSize(type);
    for (const int64_t size : shape) {
      if (size < 0 || (size > 0 && bytes > data_size / static_cast<uint64_t>(size)))
        throw bad_data(name + ": shape: larger than the file");
      bytes *= static_cast<uint64_t>(size);
    }
    if (offsets[1] < offsets[0] || offsets[1] > data_size || offsets[1] - offsets[0] != bytes)
      throw bad_data(name + ": data_offsets: do not match the shape and the file");
    if (bytes > 0 && !extents.emplace(offsets[0], offsets[1]).second)
      throw bad_data(name + ": data_offsets: overlap another tensor's");
    auto tensor = torch::empty(shape, type);
    in.seekg(static_cast<std::streamoff>(8 + header_size + offsets[0]));
    in.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(bytes));
    if (!in) throw bad_data(name + ": truncated");
    content.tensors[name] = tensor;
  }
  uint64_t covered = 0;
  for (const auto& [begin, end] : extents) covered = begin == covered ? end : data_size + 1;
  if (covered != data_size) throw bad_data("data_offsets: tensors overlap or leave gaps");
  if (const auto stored = content.metadata.extract(kHash)) {
    std::map<uint64_t, at::Tensor> by_offset;
    for (const auto& [name, tensor] : content.tensors)
      if (tensor.numel() > 0) by_offset[header[name]["data_offsets"][0]] = tensor;
    datasets::Sha256 hash;
    for (const auto& [offset, tensor] : by_offset)
      hash.add(tensor.const_data_ptr(), tensor.nbytes());
    if (hash.hex() != stored.mapped())
      throw bad_data("sha256: the tensors are not those that were written: the file is damaged");
  }
  return content;
}

}  // namespace

SafeTensors read_safetensors(const fs::path& file) {
  if (!fs::is_regular_file(file)) throw missing_file(file.string() + ": no such file");
  std::ifstream in(file, std::ios::binary);
  if (!in) throw io_error(file.string() + ": cannot be read");
  try {
    return read(in, fs::file_size(file));
  } catch (const nlohmann::json::exception& error) {
    throw bad_data(file.string() + ": header: " + error.what());
  } catch (const Error& error) {
    throw bad_data(file.string() + ": " + error.what());
  }
}

void write_safetensors(const fs::path& file, const SafeTensors& content) {
  std::map<std::string, at::Tensor> tensors;
  datasets::Sha256 hash;
  for (const auto& [name, tensor] : content.tensors) {
    const auto& stored = tensors[name] = tensor.cpu().contiguous();
    hash.add(stored.const_data_ptr(), stored.nbytes());
  }
  auto metadata = content.metadata;
  metadata[kHash] = hash.hex();
  nlohmann::ordered_json header{{"__metadata__", metadata}};
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", type_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + tensor.nbytes()}}};
    offset += tensor.nbytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  datasets::AtomicFile atomic(file);
  const uint64_t header_size = text.size();
  atomic.write(&header_size, 8);
  atomic.write(text.data(), text.size());
  for (const auto& [name, tensor] : tensors)
    if (tensor.numel() > 0) atomic.write(tensor.const_data_ptr(), tensor.nbytes());
  atomic.commit(/*durable=*/true);
}

}  // namespace lanner::detectors
