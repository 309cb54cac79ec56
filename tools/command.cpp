#include "tools/command.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <iostream>
#include <set>

#include "lanner/datasets/error.h"
#include "tools/renamed_flags.h"

namespace lanner::tools {
namespace po = boost::program_options;
namespace {

constexpr unsigned kWidth = 100;  // of help, in characters

using Texts = std::vector<std::string>;

po::options_description description_of(const std::vector<Flag>& flags, bool with_defaults) {
  std::vector<std::string> headings;
  for (const auto& flag : flags)
    if (std::find(headings.begin(), headings.end(), flag.heading) == headings.end())
      headings.push_back(flag.heading);
  po::options_description all(kWidth, kWidth / 2);
  for (const auto& heading : headings) {
    po::options_description group(heading, kWidth, kWidth / 2);
    for (const auto& flag : flags) {
      if (flag.heading != heading) continue;
      auto* value = po::value<Texts>();
      if (flag.is_list) value->multitoken();
      if (flag.is_switch) value->implicit_value({"true"}, "true");
      if (with_defaults && !flag.value.empty()) value->default_value({flag.value}, flag.value);
      if (with_defaults && flag.required) value->value_name("arg, required");
      group.add_options()(flag.name.c_str(), value, flag.help.c_str());
    }
    all.add(group);
  }
  po::options_description general("general", kWidth, kWidth / 2);
  general.add_options()("config", po::value<Texts>(),
                        "file of key = value lines, for options that are not given as flags");
  general.add_options()("help,h", "show this and stop");
  all.add(general);
  return all;
}

// The flag of a name, or null.
const Flag* find_flag(const std::vector<Flag>& flags, std::string_view name) {
  const auto found =
      std::find_if(flags.begin(), flags.end(), [&](const Flag& f) { return f.name == name; });
  return found == flags.end() ? nullptr : &*found;
}

// The entry of a name that a flag of this command had before, or null. Warns of it.
const RenamedFlag* renamed(const std::vector<Flag>& flags, std::string_view name) {
  for (const auto& entry : kRenamedFlags)
    if (entry.old_name == name && !find_flag(flags, name) && find_flag(flags, entry.name)) {
      std::cerr << "warning: " << name << " is now " << entry.name
                << "; the old name works until version 0.3\n";
      return &entry;
    }
  return nullptr;
}

std::string with_commas(const std::string& digits) {
  std::string text;
  for (const char digit : digits) text += (text.empty() ? "" : ",") + std::string(1, digit);
  return text;
}

// "--old_name=value" and "--old_name value" under the current name.
Texts with_current_names(Texts arguments, const std::vector<Flag>& flags) {
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    auto& argument = arguments[i];
    if (!argument.starts_with("--")) continue;
    const auto equals = argument.find('=');
    auto name = flag_name(argument.substr(2, equals == std::string::npos ? equals : equals - 2));
    auto rest = equals == std::string::npos ? "" : argument.substr(equals);
    if (const auto* entry = renamed(flags, name)) {
      name = entry->name;
      if (entry->digits && equals != std::string::npos)
        rest = "=" + with_commas(rest.substr(1));
      else if (entry->digits && i + 1 < arguments.size())
        arguments[i + 1] = with_commas(arguments[i + 1]);
    }
    argument = "--" + name + rest;
  }
  return arguments;
}

// A switch alone ("--show") is "--show=true": the word after it is not its value, unless it may be.
Texts with_switches_spelled_out(Texts arguments, const std::vector<Flag>& flags) {
  static const std::set<std::string> values{"true", "false", "auto"};
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    auto& argument = arguments[i];
    if (!argument.starts_with("--") || argument.find('=') != std::string::npos) continue;
    if (i + 1 < arguments.size() && values.contains(arguments[i + 1])) continue;
    const auto* flag = find_flag(flags, std::string_view(argument).substr(2));
    if (flag && flag->is_switch) argument += "=true";
  }
  return arguments;
}

constexpr char kHash = '\x01';

void read_config(const std::string& file, const std::vector<Flag>& flags,
                 const po::options_description& description, Words& words) {
  std::ifstream in(file);
  if (!in) throw missing_file(file + ": no such file");
  // The parser takes a # for a comment wherever it is; in quotes it is a part of the value.
  std::stringstream lines;
  for (std::string line; std::getline(in, line);) {
    const auto value = line.find_first_not_of(" \t", line.find('=') + 1);
    if (!line.starts_with('#') && value != std::string::npos && line[value] == '"')
      std::replace(line.begin() + static_cast<std::ptrdiff_t>(value), line.end(), '#', kHash);
    lines << line << "\n";
  }
  const auto parsed = po::parse_config_file(lines, description, /*allow_unregistered=*/true);
  Words found;
  for (const auto& option : parsed.options) {
    auto name = flag_name(option.string_key);
    auto value = option.value;
    for (auto& text : value) {
      std::replace(text.begin(), text.end(), kHash, '#');
      text = unquoted(text);
    }
    if (const auto* entry = renamed(flags, name)) {
      name = entry->name;
      if (entry->digits)
        for (auto& text : value) text = with_commas(text);
    }
    if (!find_flag(flags, name))
      throw usage_error(file + ": unrecognized option \"" + option.string_key + "\"");
    auto& texts = found[name];
    texts.insert(texts.end(), value.begin(), value.end());
  }
  words.merge(found);  // flags that were given stay
}

}  // namespace

CommandLine parse(const Texts& arguments, const std::vector<Flag>& flags, const Usage& usage) {
  const auto description = description_of(flags, false);
  po::positional_options_description positional;
  for (const auto& name : usage.positional)
    positional.add(name.c_str(), find_flag(flags, name)->is_list ? -1 : 1);
  CommandLine line;
  try {
    const auto words = with_switches_spelled_out(with_current_names(arguments, flags), flags);
    // A flag that is cut short is no flag: --conf would be --config.
    constexpr auto style =
        po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    const auto parsed = po::command_line_parser(words)
                            .options(description)
                            .positional(positional)
                            .style(style)
                            .run();
    for (const auto& option : parsed.options) {
      auto& texts = line.words[option.string_key];
      const auto* flag = find_flag(flags, option.string_key);
      if (!(flag && flag->is_list)) texts.clear();  // the last one counts, so scripts can override
      texts.insert(texts.end(), option.value.begin(), option.value.end());
    }
    line.help = line.words.erase("help") > 0;
    if (const auto config = line.words.extract("config"); !line.help && !config.empty())
      read_config(config.mapped().back(), flags, description, line.words);
  } catch (const po::error& error) {
    throw usage_error(std::string(error.what()) + " (see lanner " + usage.command + " --help)");
  }
  return line;
}

void print_help(const std::vector<Flag>& flags, const Usage& usage) {
  std::cout << "usage: " << usage.synopsis << "\n\n"
            << usage.text << "\n"
            << description_of(flags, true);
}

void check_required(const std::vector<Flag>& flags, const CommandLine& line) {
  for (const auto& flag : flags)
    if (flag.required && !line.given(flag.name))
      throw usage_error("--" + flag.name + " is required (see --help)");
}

}  // namespace lanner::tools
