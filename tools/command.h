#pragma once

#include <boost/program_options.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// Boost would read a path as a stream does, up to the first space.
namespace boost {
inline void validate(any& value, const std::vector<std::string>& words, std::filesystem::path*,
                     int) {
  program_options::validators::check_first_occurrence(value);
  value = std::filesystem::path(program_options::validators::get_single_string(words));
}
}  // namespace boost

namespace lanner::tools {

namespace po = boost::program_options;

// A subcommand: a row of the table in main.cpp.
struct Command {
  const char* name;
  const char* summary;  // one line of `lanner --help`
  int (*run)(const std::vector<std::string>& arguments);
};

int synth(const std::vector<std::string>& arguments);
int check_data(const std::vector<std::string>& arguments);
int pretrain(const std::vector<std::string>& arguments);
int probe(const std::vector<std::string>& arguments);
int train(const std::vector<std::string>& arguments);
int eval(const std::vector<std::string>& arguments);
int detect(const std::vector<std::string>& arguments);
int models(const std::vector<std::string>& arguments);
int bench(const std::vector<std::string>& arguments);
int doctor(const std::vector<std::string>& arguments);

std::ifstream open_config(const std::string& file);  // throws missing_file

constexpr unsigned kWidth = 100;  // of help, in characters

// An option's value as text: for help, and for configuration files. Empty where it has none.
std::string text_of(const boost::any& value);

// An option that a field holds, whose value so far is the default.
template <typename T>
po::typed_value<T>* defaulted(T* field) {
  return po::value(field)->default_value(*field, text_of(*field));
}

// What a subcommand's command line said.
struct Parsed {
  po::variables_map values;
  bool help = false;  // help was printed, there is nothing to do

  bool given(const char* option) const {
    return values.count(option) && !values[option].defaulted();
  }
};

// Parses a subcommand's options, --config FILE below the flags, and prints help where asked for.
// usage: the text above the options; positional: the option that plain words go to, or null. Throws
// usage_error.
Parsed parse(const std::vector<std::string>& arguments, const std::string& usage,
             const po::options_description& options, const char* positional = nullptr);

// Every option's value as the text of a configuration file, which --config takes back.
std::string resolved(const po::variables_map& values);

// Calls a job of liblanner_tools.so, loading it, and LibTorch with it, only now: that costs a
// quarter of a second that --help need not wait for. Returns the job's exit code.
int run_job(const char* job, const void* options);
// The same of liblanner_data_tools.so, which needs no LibTorch.
int run_data_job(const char* job, const void* options);

}  // namespace lanner::tools
