#include "lanner/detectors/training/event_file.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// CRC-32C (RFC 3720, appendix B.4), as TFRecord masks it.
uint32_t masked_crc(const std::string& bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> values{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0x82F63B78u : 0u);
      values[i] = value;
    }
    return values;
  }();
  uint32_t crc = ~0u;
  for (const char byte : bytes)
    crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(byte)) & 255];
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

template <typename T>
std::string little_endian(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};  // as all supported machines are
}

// Fields of a protocol buffer, by number.
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}
std::string integer(int field, uint64_t value) { return varint(field << 3) + varint(value); }
std::string bytes(int field, const std::string& value) {
  return varint(field << 3 | 2) + varint(value.size()) + value;
}
std::string number(int field, double value) {
  return varint(field << 3 | 1) + little_endian(value);
}
std::string number(int field, float value) { return varint(field << 3 | 5) + little_endian(value); }

}  // namespace

EventFile::EventFile(const std::filesystem::path& folder, int64_t step) {
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  file_ = folder / ("events.out.tfevents." + std::to_string(static_cast<int64_t>(now())) + "." +
                    host + "." + std::to_string(getpid()));
  out_.open(file_, std::ios::binary);
  write_event(0, bytes(3, "brain.Event:2"));
  if (step > 0) write_event(step + 1, bytes(7, integer(1, 1)));  // SessionLog.START
}

void EventFile::write_event(int64_t step, const std::string& field) {
  const auto event = number(1, now()) + integer(2, static_cast<uint64_t>(step)) + field;
  const auto length = little_endian(static_cast<uint64_t>(event.size()));
  errno = 0;
  out_ << length << little_endian(masked_crc(length)) << event << little_endian(masked_crc(event))
       << std::flush;
  if (!out_) throw io_error(file_.string() + ": cannot be written: " + std::strerror(errno));
}

void EventFile::write(int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [name, value] : scalars)
    summary += bytes(1, bytes(1, name) + number(2, static_cast<float>(value)));
  write_event(step, bytes(5, summary));
}

}  // namespace lanner::detectors
