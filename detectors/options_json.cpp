#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "lanner/detectors/options.h"

// DetectorOptions as the JSON of checkpoints: an object of its fields, nested as the structs are.
namespace lanner::datasets {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Category, id, name)
}  // namespace lanner::datasets

namespace lanner::detectors {
namespace {

using datasets::Field;
using datasets::NamedEnum;
using datasets::OptionsStruct;
using nlohmann::json;

// Names of fields in checkpoints of version 0.1, by their names now.
const std::map<std::string, std::string> kOldNames{{"max_detections", "most_detections"},
                                                   {"normalization", "normalisation"}};

template <typename Options>
json object_of(const Options& options) {
  json object = json::object();
  Options::visit(options, [&](const auto& value, const Field& field) {
    using T = std::remove_cvref_t<decltype(value)>;
    auto& item = object[std::string(field.name)];
    if constexpr (OptionsStruct<T>)
      item = object_of(value);
    else if constexpr (NamedEnum<T>)
      item = datasets::to_text(value);
    else
      item = value;
  });
  return object;
}

template <typename T>
std::string expected_json() {
  if constexpr (NamedEnum<T>) return datasets::choice_text(datasets::names_of<T>());
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_integral_v<T>) return "an integer";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
  return "a list";
}

template <typename T>
void read_value(const json& item, const std::string& path, T& value) {
  try {
    if constexpr (NamedEnum<T>) {
      datasets::from_text(path, item.get<std::string>(), value);
      return;
    } else if (!std::is_integral_v<T> || std::is_same_v<T, bool> || item.is_number_integer()) {
      value = item.get<T>();
      return;
    }
  } catch (const json::exception&) {
  }
  throw usage_error(path + ": expected " + expected_json<T>() + ", got " + item.dump());
}

template <typename Options>
void read_object(const json& object, const std::string& prefix, Options& options) {
  if (!object.is_object())
    throw usage_error((prefix.empty() ? "options" : prefix.substr(0, prefix.size() - 1)) +
                      ": expected an object, got " + object.dump());
  std::set<std::string> known;
  Options::visit(options, [&](auto& value, const Field& field) {
    std::string name(field.name);
    if (const auto old = kOldNames.find(name);
        !object.contains(name) && old != kOldNames.end() && object.contains(old->second))
      name = old->second;
    known.insert(name);
    if (!object.contains(name)) return;
    const auto path = prefix + std::string(field.name);
    if constexpr (OptionsStruct<std::remove_cvref_t<decltype(value)>>)
      read_object(object.at(name), path + ".", value);
    else
      read_value(object.at(name), path, value);
  });
  for (const auto& item : object.items())
    if (!known.contains(item.key())) throw usage_error(prefix + item.key() + ": unknown option");
}

}  // namespace

std::string to_json(const DetectorOptions& options) {
  return object_of(options).dump(-1, ' ', false, json::error_handler_t::replace);
}

DetectorOptions options_from_json(const std::string& text) {
  DetectorOptions options;
  options.resize.interpolation = datasets::Interpolation::linear;  // the only one of version 0.1
  try {
    read_object(json::parse(text), "", options);
  } catch (const json::exception& error) {
    throw usage_error(std::string("options: ") + error.what());
  }
  options.check();
  return options;
}

}  // namespace lanner::detectors
