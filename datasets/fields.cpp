#include "lanner/datasets/fields.h"

#include <charconv>
#include <sstream>

#include "lanner/datasets/options.h"

namespace lanner::datasets {
namespace {

constexpr const char* kNone = "none";

[[noreturn]] void throw_unexpected(const std::string& path, const std::string& expected,
                                   const std::string& text) {
  throw usage_error(path + ": expected " + expected + ", got \"" + text + "\"");
}

template <typename Number>
void number_from_text(const std::string& path, const std::string& text, const char* expected,
                      Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw_unexpected(path, expected, text);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  if (text.empty() || text == kNone) return parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

template <typename List>
std::string join(const List& list, char separator) {
  std::string text;
  for (const auto& item : list)
    text += (text.empty() ? "" : std::string(1, separator)) + to_text(item);
  return text.empty() ? kNone : text;
}

template <typename Number>
void list_from_text(const std::string& path, const std::string& text, const char* expected,
                    std::vector<Number>& list) {
  list.clear();
  for (const auto& part : split(text, ',')) {
    Number number{};
    try {
      from_text(path, part, number);
    } catch (const Error&) {
      throw_unexpected(path, expected, text);
    }
    list.push_back(number);
  }
}

}  // namespace

std::string Limits::text() const {
  const bool bounded = max < std::numeric_limits<double>::infinity();
  if (min == -std::numeric_limits<double>::infinity())
    return bounded ? "<= " + to_text(max) : "a finite number";
  if (!bounded) return (excludes_min ? "> " : ">= ") + to_text(min);
  if (!excludes_min && !excludes_max) return to_text(min) + " to " + to_text(max);
  return (excludes_min ? "> " : ">= ") + to_text(min) + " and " + (excludes_max ? "< " : "<= ") +
         to_text(max);
}

std::string choice_text(const std::vector<std::string_view>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + std::string(names[i]);
  return text;
}

std::string to_text(bool value) { return value ? "true" : "false"; }
std::string to_text(int value) { return std::to_string(value); }
std::string to_text(int64_t value) { return std::to_string(value); }
std::string to_text(uint64_t value) { return std::to_string(value); }
std::string to_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return std::to_string(static_cast<int64_t>(value));
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}
std::string to_text(const std::string& value) { return value; }
std::string to_text(const std::filesystem::path& value) { return value.string(); }
std::string to_text(const std::vector<int>& list) { return join(list, ','); }
std::string to_text(const std::vector<double>& list) { return join(list, ','); }
std::string to_text(const std::vector<std::vector<double>>& lists) { return join(lists, ';'); }
std::string to_text(const std::vector<std::pair<std::string, double>>& factors) {
  std::vector<std::string> parts;
  for (const auto& [name, factor] : factors) parts.push_back(name + "=" + to_text(factor));
  return join(parts, ',');
}
std::string to_text(const std::array<float, 3>& values) {
  std::string text;
  for (const float value : values) {
    char digits[32];
    text += (text.empty() ? "" : ",") +
            std::string(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  return text;
}

void from_text(const std::string& path, const std::string& text, bool& value) {
  if (text != "true" && text != "false" && text != "1" && text != "0")
    throw_unexpected(path, "true or false", text);
  value = text == "true" || text == "1";
}
void from_text(const std::string& path, const std::string& text, int& value) {
  number_from_text(path, text, "an integer", value);
}
void from_text(const std::string& path, const std::string& text, int64_t& value) {
  number_from_text(path, text, "an integer", value);
}
void from_text(const std::string& path, const std::string& text, uint64_t& value) {
  number_from_text(path, text, "an integer >= 0", value);
}
void from_text(const std::string& path, const std::string& text, double& value) {
  number_from_text(path, text, "a number", value);
}
void from_text(const std::string&, const std::string& text, std::string& value) { value = text; }
void from_text(const std::string&, const std::string& text, std::filesystem::path& value) {
  value = text;
}
void from_text(const std::string& path, const std::string& text, std::vector<int>& list) {
  list_from_text(path, text, "integers such as 2,3,4", list);
}
void from_text(const std::string& path, const std::string& text, std::vector<double>& list) {
  list_from_text(path, text, "numbers such as 0.5,1,2", list);
}
void from_text(const std::string& path, const std::string& text,
               std::vector<std::vector<double>>& lists) {
  lists.clear();
  for (const auto& part : split(text, ';')) {
    try {
      from_text(path, part, lists.emplace_back());
    } catch (const Error&) {
      throw_unexpected(path, "numbers such as 32;64;128,192", text);
    }
  }
}
void from_text(const std::string& path, const std::string& text,
               std::vector<std::pair<std::string, double>>& factors) {
  factors.clear();
  for (const auto& part : split(text, ',')) {
    const auto equals = part.find('=');
    if (equals == std::string::npos || equals == 0) throw_unexpected(path, "NAME=FACTOR", part);
    factors.emplace_back(part.substr(0, equals), 0.);
    from_text(path, part.substr(equals + 1), factors.back().second);
  }
}
void from_text(const std::string& path, const std::string& text, std::array<float, 3>& values) {
  std::vector<double> list;
  from_text(path, text, list);
  if (list.size() != 3) throw_unexpected(path, "three numbers such as 0.5,0.5,0.5", text);
  for (size_t i = 0; i < 3; ++i) values[i] = static_cast<float>(list[i]);
}

void ResizeOptions::check() const {
  check_fields(*this);
  expect(min_size <= max_size, "resize.min_size", "at most resize.max_size", min_size);
}

void check_value(const std::string& path, const Field& field, double value) {
  if (!field.limits.contain(value))
    throw usage_error(path + ": expected " + field.limits.text() + ", got " + to_text(value));
}

void check_value(const std::string& path, const Field& field, const std::string& value) {
  if (field.choices.empty()) return;
  for (const auto choice : field.choices)
    if (value == choice) return;
  throw usage_error(path + ": expected " + choice_text(field.choices) + ", got \"" + value + "\"");
}

}  // namespace lanner::datasets
