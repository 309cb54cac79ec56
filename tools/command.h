#pragma once

#include <string>
#include <vector>

#include "tools/flags.h"

namespace lanner::tools {

// A subcommand: a row of the table in main.cpp.
struct Command {
  const char* name;
  const char* summary;  // one line of `lanner --help`
  int (*run)(const std::vector<std::string>& arguments);
};

int synth(const std::vector<std::string>& arguments);
int check_data(const std::vector<std::string>& arguments);
int convert_data(const std::vector<std::string>& arguments);
int pretrain(const std::vector<std::string>& arguments);
int probe(const std::vector<std::string>& arguments);
int select(const std::vector<std::string>& arguments);
int quantize(const std::vector<std::string>& arguments);
int runs(const std::vector<std::string>& arguments);
int tune(const std::vector<std::string>& arguments);
int train(const std::vector<std::string>& arguments);
int eval(const std::vector<std::string>& arguments);
int detect(const std::vector<std::string>& arguments);
int serve(const std::vector<std::string>& arguments);
int models(const std::vector<std::string>& arguments);
int bench(const std::vector<std::string>& arguments);
int doctor(const std::vector<std::string>& arguments);
int list_options(const std::vector<std::string>& arguments);

// The flags of lanner train, with the defaults that --preset auto starts from.
std::vector<Flag> train_flags();

// What --help says above the options.
struct Usage {
  std::string command{};   // "train"
  std::string synopsis{};  // the lines behind "usage: "
  std::string text{};      // what the command does
  // The flags that words without a flag belong to, in order; the last takes the rest if it is a
  // list.
  std::vector<std::string> positional{};
};

// A parsed command line: the words of each flag, from the flags given and, below them, from
// --config FILE.
struct CommandLine {
  Words words;
  bool help = false;  // --help was given

  bool given(const std::string& flag) const { return words.contains(flag); }
};

// Throws usage_error for unknown flags and missing_file for a configuration that is not there.
CommandLine parse(const std::vector<std::string>& arguments, const std::vector<Flag>& flags,
                  const Usage& usage);

void print_help(const std::vector<Flag>& flags, const Usage& usage);

// Throws usage_error where a required flag was not given.
void check_required(const std::vector<Flag>& flags, const CommandLine& line);

// For commands whose defaults depend on no other option. Sets and checks the fields of `options`;
// false: help was printed and there is nothing to do.
template <typename Options>
bool parse_into(Options& options, const std::vector<std::string>& arguments, const Usage& usage) {
  const auto flags = flags_of(options);
  const auto line = parse(arguments, flags, usage);
  if (line.help) {
    print_help(flags, usage);
    return false;
  }
  check_required(flags, line);
  set_fields(line.words, options);
  datasets::check_fields(options);
  return true;
}

}  // namespace lanner::tools
