#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lanner/datasets/error.h"
#include "lanner/ops/api.h"

// Options structs describe their fields once, and whatever handles options by name goes through
// that description: flags, configuration files, checkpoints, checks, --help, docs and Python stubs.
//
//   struct RoiOptions {
//     double beta = 1. / 9;
//     static void visit(auto& o, auto&& field) {
//       field(o.beta, {.name = "beta", .help = "transition of the smooth L1 loss", .limits =
//       above(0)});
//     }
//   };
//
// A field may be an options struct itself. Its fields then have the path `roi.beta`; where the name
// is empty they have no prefix, and `help` is the heading of their group.
namespace lanner::datasets {

// The values that a number may have.
struct Limits {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool excludes_min = false, excludes_max = false;

  bool contain(double value) const {
    return std::isfinite(value) && (excludes_min ? value > min : value >= min) &&
           (excludes_max ? value < max : value <= max);
  }
  LANNER_API std::string text() const;  // "> 0", "0 to 1"; "a finite number" where there are none
};

constexpr Limits above(double min) { return {.min = min, .excludes_min = true}; }
constexpr Limits at_least(double min) { return {.min = min}; }
constexpr Limits between(double min, double max) { return {.min = min, .max = max}; }
constexpr Limits above_and_up_to(double min, double max) {
  return {.min = min, .max = max, .excludes_min = true};
}
constexpr Limits from_and_below(double min, double max) {
  return {.min = min, .max = max, .excludes_max = true};
}

// The description of one field.
struct Field {
  std::string_view name{}, help{};
  Limits limits{};                          // of a number, or of each number of a list
  std::vector<std::string_view> choices{};  // of a string; empty: any
  bool required = false;                    // on the command line
};

// The names of an enumeration's values, in their order, as options spell them.
template <typename E>
struct EnumNames;
template <typename T>
concept NamedEnum = requires {
  EnumNames<T>::values;
};

struct NoField {
  void operator()(auto&, const Field&) {}
};
template <typename T>
concept OptionsStruct = requires(T& options) {
  T::visit(options, NoField());
};

// Calls leaf(value, field, path) for each field that is not an options struct.
template <typename Options, typename Leaf>
void for_each_field(Options& options, Leaf&& leaf, const std::string& prefix = "") {
  std::remove_const_t<Options>::visit(options, [&](auto& value, const Field& field) {
    const std::string path = prefix + std::string(field.name);
    if constexpr (OptionsStruct<std::remove_cvref_t<decltype(value)>>)
      for_each_field(value, leaf, field.name.empty() ? prefix : path + ".");
    else
      leaf(value, field, path);
  });
}

// Names joined as "a, b or c".
LANNER_API std::string choice_text(const std::vector<std::string_view>& names);
template <NamedEnum E>
std::vector<std::string_view> names_of() {
  return {EnumNames<E>::values.begin(), EnumNames<E>::values.end()};
}
template <NamedEnum E>
std::string to_text(E value) {
  return std::string(EnumNames<E>::values[static_cast<size_t>(value)]);
}

// Values as the text of flags and configuration files. Numbers have as few digits as give the same
// number back; an empty list is "none", an empty optional or path "".
LANNER_API std::string to_text(bool value);
LANNER_API std::string to_text(int value);
LANNER_API std::string to_text(int64_t value);
LANNER_API std::string to_text(uint64_t value);
LANNER_API std::string to_text(double value);
LANNER_API std::string to_text(const std::string& value);
LANNER_API std::string to_text(const std::filesystem::path& value);
LANNER_API std::string to_text(const std::vector<int>& list);                   // 2,3,4
LANNER_API std::string to_text(const std::vector<double>& list);                // 0.5,1,2
LANNER_API std::string to_text(const std::vector<std::vector<double>>& lists);  // 32;64,96
LANNER_API std::string to_text(
    const std::vector<std::pair<std::string, double>>& factors);  // bias=2,box=3
LANNER_API std::string to_text(const std::array<float, 3>& values);
template <typename T>
std::string to_text(const std::optional<T>& value) {
  return value ? to_text(*value) : "";
}

// The reverse. Throws usage_error naming `path`, what is expected, and the text.
LANNER_API void from_text(const std::string& path, const std::string& text, bool& value);
LANNER_API void from_text(const std::string& path, const std::string& text, int& value);
LANNER_API void from_text(const std::string& path, const std::string& text, int64_t& value);
LANNER_API void from_text(const std::string& path, const std::string& text, uint64_t& value);
LANNER_API void from_text(const std::string& path, const std::string& text, double& value);
LANNER_API void from_text(const std::string& path, const std::string& text, std::string& value);
LANNER_API void from_text(const std::string& path, const std::string& text,
                          std::filesystem::path& value);
LANNER_API void from_text(const std::string& path, const std::string& text, std::vector<int>& list);
LANNER_API void from_text(const std::string& path, const std::string& text,
                          std::vector<double>& list);
LANNER_API void from_text(const std::string& path, const std::string& text,
                          std::vector<std::vector<double>>& lists);
LANNER_API void from_text(const std::string& path, const std::string& text,
                          std::vector<std::pair<std::string, double>>& factors);
LANNER_API void from_text(const std::string& path, const std::string& text,
                          std::array<float, 3>& values);
template <typename T>
void from_text(const std::string& path, const std::string& text, std::optional<T>& value) {
  from_text(path, text, value.emplace());
}
template <NamedEnum E>
void from_text(const std::string& path, const std::string& text, E& value) {
  const auto& names = EnumNames<E>::values;
  for (size_t i = 0; i < names.size(); ++i)
    if (text == names[i]) return void(value = static_cast<E>(i));
  throw usage_error(path + ": expected " + choice_text(names_of<E>()) + ", got \"" + text + "\"");
}

// Throws usage_error where a value is not what its field allows: `roi.beta: expected > 0, got -1`.
LANNER_API void check_value(const std::string& path, const Field& field, double value);
LANNER_API void check_value(const std::string& path, const Field& field, const std::string& value);
template <typename T>
void check_value(const std::string& path, const Field& field, const T& value) {
  if constexpr (std::is_same_v<T, bool> || NamedEnum<T>) {
    return;
  } else if constexpr (std::is_arithmetic_v<T>) {
    check_value(path, field, static_cast<double>(value));
  } else if constexpr (requires { value.has_value(); }) {
    if (value) check_value(path, field, *value);
  } else if constexpr (requires { value.first; }) {
    check_value(path, field, value.second);
  } else if constexpr (!std::is_same_v<T, std::filesystem::path> && requires { value.begin(); }) {
    for (const auto& item : value)
      if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(item)>, std::string>)
        check_value(path, field, item);
  }
}

// Checks every field; what fields have to do with each other is left to the struct's own check().
template <typename Options>
void check_fields(const Options& options) {
  for_each_field(options, [](const auto& value, const Field& field, const std::string& path) {
    check_value(path, field, value);
  });
}

// Throws usage_error `path: expected .., got ..` unless `holds`; for checks across fields.
template <typename T>
void expect(bool holds, const std::string& path, const std::string& expected, const T& got) {
  if (holds) return;
  std::string text;
  if constexpr (std::is_convertible_v<T, std::string_view>)
    text = "\"" + std::string(got) + "\"";
  else
    text = to_text(got);
  throw usage_error(path + ": expected " + expected + ", got " + text);
}

}  // namespace lanner::datasets
