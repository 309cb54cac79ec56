#pragma once

#include <map>
#include <string>
#include <vector>

#include "lanner/datasets/fields.h"

// Options structs as command-line flags: a field of path `roi.sampled_rois` is
// `--roi.sampled-rois`.
namespace lanner::tools {

struct Flag {
  std::string name{};                // roi.sampled-rois
  std::string path{};                // roi.sampled_rois, as in errors, checkpoints and Python
  std::string help{};                // with the allowed values
  std::string value{};               // the default as text; empty: none
  std::vector<std::string> words{};  // the same of a list
  std::string heading{};             // of its group
  std::string python_type{};         // for type stubs
  bool is_switch = false;            // takes no value, or true or false
  bool is_list = false;              // takes several words
  bool required = false;
};

// The words given for each flag, by its name.
using Words = std::map<std::string, std::vector<std::string>>;

std::string flag_name(const std::string& path);

template <typename T>
constexpr bool kIsWordList = std::is_same_v<T, std::vector<std::string>> ||
                             std::is_same_v<T, std::vector<std::filesystem::path>>;

template <typename T>
std::string python_type(const datasets::Field& field) {
  const auto literal = [](const std::vector<std::string_view>& names) {
    std::string text;
    for (const auto name : names) text += (text.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    return "Literal[" + text + "]";
  };
  if constexpr (datasets::NamedEnum<T>) return literal(datasets::names_of<T>());
  if constexpr (std::is_same_v<T, std::string>)
    return field.choices.empty() ? "str" : literal(field.choices);
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_integral_v<T> || std::is_same_v<T, std::optional<int64_t>>) return "int";
  if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, std::optional<double>>)
    return "float";
  if constexpr (std::is_same_v<T, std::filesystem::path>) return "str | PathLike[str]";
  if constexpr (std::is_same_v<T, std::vector<std::filesystem::path>>)
    return "str | PathLike[str] | Sequence[str | PathLike[str]]";
  if constexpr (std::is_same_v<T, std::vector<std::string>>) return "str | Sequence[str]";
  if constexpr (std::is_same_v<T, std::vector<int>>) return "Sequence[int]";
  if constexpr (std::is_same_v<T, std::vector<double>> || std::is_same_v<T, std::array<float, 3>>)
    return "Sequence[float]";
  if constexpr (std::is_same_v<T, std::vector<std::vector<double>>>)
    return "Sequence[Sequence[float]]";
  return "str";
}

// The allowed values, for help: "0 to 1", "sgd or adamw"; empty where there is nothing to say.
template <typename T>
std::string allowed_values(const datasets::Field& field) {
  if constexpr (datasets::NamedEnum<T>) return datasets::choice_text(datasets::names_of<T>());
  if (!field.choices.empty()) return datasets::choice_text(field.choices);
  const auto& limits = field.limits;
  return limits.min > -1e300 || limits.max < 1e300 ? limits.text() : "";
}

// Whether a type can be given on the command line; lists of categories cannot.
template <typename T>
concept HasText = requires(const T& value) {
  datasets::to_text(value);
};

template <typename Options>
void append_flags(const Options& options, const std::string& prefix, const std::string& heading,
                  std::vector<Flag>& flags) {
  Options::visit(options, [&](const auto& value, const datasets::Field& field) {
    using T = std::remove_cvref_t<decltype(value)>;
    const std::string path = prefix + std::string(field.name);
    if constexpr (datasets::OptionsStruct<T>) {
      append_flags(value, field.name.empty() ? prefix : path + ".",
                   field.help.empty() ? path : std::string(field.help), flags);
    } else if constexpr (HasText<T> || kIsWordList<T>) {
      const auto allowed = allowed_values<T>(field);
      Flag flag{.name = flag_name(path),
                .path = path,
                .help = std::string(field.help) + (allowed.empty() ? "" : " (" + allowed + ")"),
                .heading = heading,
                .python_type = python_type<T>(field),
                .is_switch = std::is_same_v<T, bool> || field.name == "amp",
                .is_list = kIsWordList<T>,
                .required = field.required};
      if constexpr (kIsWordList<T>)
        flag.words.assign(value.begin(), value.end());
      else
        flag.value = datasets::to_text(value);
      flags.push_back(std::move(flag));
    }
  });
}

// The flags of an options struct, with its values as the defaults.
template <typename Options>
std::vector<Flag> flags_of(const Options& options) {
  std::vector<Flag> flags;
  append_flags(options, "", "options", flags);
  return flags;
}

// Sets the fields for which words were given. Throws usage_error.
template <typename Options>
void set_fields(const Words& words, Options& options) {
  datasets::for_each_field(options,
                           [&](auto& value, const datasets::Field&, const std::string& path) {
                             using T = std::remove_cvref_t<decltype(value)>;
                             const auto given = words.find(flag_name(path));
                             if (given == words.end()) return;
                             if constexpr (kIsWordList<T>)
                               value.assign(given->second.begin(), given->second.end());
                             else if constexpr (HasText<T>)
                               datasets::from_text(path, given->second.back(), value);
                           });
}

// A value of a configuration file as it is written there: in quotes where it holds a #, begins with
// a quote, or has spaces at its ends. And what is between the quotes, if there are any.
std::string quoted(const std::string& value);
std::string unquoted(const std::string& value);

// All fields as the text of a configuration file, which --config reads. Lists have a line a word.
std::string config_text(const std::vector<Flag>& flags);

}  // namespace lanner::tools
