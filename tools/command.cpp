#include "tools/command.h"

#include <dlfcn.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/any.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "lanner/datasets/error.h"

namespace lanner::tools {
namespace fs = std::filesystem;
namespace {

std::string explain(const po::error& error) {
  std::string text = error.what();
  // Boost writes "the argument ('x') for option '--lr' is invalid"; the option comes first here.
  if (const auto* bad = dynamic_cast<const po::validation_error*>(&error))
    return bad->get_option_name() + ": " + text;
  return text;
}

int run_from(const char* name, const char* job, const void* options) {
  const auto library = fs::read_symlink("/proc/self/exe").parent_path() / "../lib" / name;
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!handle) throw Error(ExitCode::internal, dlerror());
  const auto run = reinterpret_cast<int (*)(const void*)>(dlsym(handle, job));
  if (!run) throw Error(ExitCode::internal, dlerror());
  return run(options);
}

// A switch alone ("--show") is "--show=true": the word after it is no value of it, unless it may
// be.
std::vector<std::string> switches_spelled_out(std::vector<std::string> arguments,
                                              const po::options_description& options) {
  static const std::set<std::string> values{"true", "false", "auto"};
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    auto& argument = arguments[i];
    if (!argument.starts_with("--") || argument.find('=') != std::string::npos) continue;
    if (i + 1 < arguments.size() && values.contains(arguments[i + 1])) continue;
    const auto* option = options.find_nothrow(argument.substr(2), /*approx=*/true);
    if (option && option->semantic()->min_tokens() == 0 && option->semantic()->max_tokens() == 1)
      argument += "=true";
  }
  return arguments;
}

}  // namespace

std::string text_of(const boost::any& value) {
  std::ostringstream text;
  if (const auto* v = boost::any_cast<std::string>(&value)) text << *v;
  if (const auto* v = boost::any_cast<fs::path>(&value)) text << v->string();
  if (const auto* v = boost::any_cast<int>(&value)) text << *v;
  if (const auto* v = boost::any_cast<int64_t>(&value)) text << *v;
  if (const auto* v = boost::any_cast<uint64_t>(&value)) text << *v;
  if (const auto* v = boost::any_cast<double>(&value)) {
    char digits[32];  // as few as give the same number back
    text << std::string(digits, std::to_chars(digits, digits + sizeof digits, *v).ptr);
  }
  if (const auto* v = boost::any_cast<bool>(&value)) text << (*v ? "true" : "false");
  return text.str();
}

std::ifstream open_config(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw missing_file(file + ": no such file");
  return in;
}

Parsed parse(const std::vector<std::string>& arguments, const std::string& usage,
             const po::options_description& options, const char* positional) {
  po::options_description all(kWidth, kWidth / 2), general("general", kWidth, kWidth / 2);
  general.add_options()(
      "config", po::value<std::string>(),
      "a file of key = value lines, for every option that is not given as a flag")(
      "help,h", "show this and stop");
  all.add(options).add(general);
  po::positional_options_description words;
  if (positional) words.add(positional, -1);
  Parsed parsed;
  try {
    po::store(po::command_line_parser(switches_spelled_out(arguments, all))
                  .options(all)
                  .positional(words)
                  .run(),
              parsed.values);
    if (parsed.values.count("help")) {
      std::cout << usage << "\n" << all;
      parsed.help = true;
      return parsed;
    }
    if (parsed.values.count("config")) {
      const auto file = parsed.values["config"].as<std::string>();
      auto in = open_config(file);
      try {
        po::store(po::parse_config_file(in, options), parsed.values);
      } catch (const po::error& error) {
        throw usage_error(file + ": " + explain(error));
      }
    }
    po::notify(parsed.values);
  } catch (const po::error& error) {
    throw usage_error(explain(error) + " (see --help)");
  }
  return parsed;
}

std::string resolved(const po::variables_map& values) {
  std::string text;
  for (const auto& [name, value] : values) {
    if (name == "help" || name == "config" || name == "resume") continue;
    if (const auto* list = boost::any_cast<std::vector<std::string>>(&value.value())) {
      for (const auto& item : *list) text += name + " = " + item + "\n";
    } else if (const auto item = text_of(value.value()); !item.empty()) {
      text += name + " = " + item + "\n";
    }
  }
  return text;
}

int run_job(const char* job, const void* options) {
  return run_from("liblanner_tools.so", job, options);
}
int run_data_job(const char* job, const void* options) {
  return run_from("liblanner_data_tools.so", job, options);
}

}  // namespace lanner::tools
