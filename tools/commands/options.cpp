#include <algorithm>
#include <iostream>
#include <map>

#include "lanner/datasets/error.h"
#include "tools/command.h"
#include "tools/jobs.h"

// `lanner options`: every option of every command, from the declarations of their structs. `make
// docs` writes docs/options.md and python/lanner/options.pyi with it.
namespace lanner::tools {
namespace {

struct ListOptions {
  std::string format = "markdown";

  static void visit(auto& o, auto&& field) {
    field(o.format, {.name = "format",
                     .help = "tables for the documentation, or types for Python",
                     .choices = {"markdown", "stubs"}});
  }
};

struct Group {
  const char *command, *type;  // names: of the command, and of the type in Python if it has one
  std::vector<Flag> flags;
};

std::vector<Group> all_groups() {
  return {{"train", "TrainOptions", train_flags()},
          {"tune (and all of lanner train)", "", flags_of(detectors::SearchOptions())},
          {"select", "SelectOptions", flags_of(detectors::SelectOptions())},
          {"pretrain", "PretrainOptions", flags_of(detectors::PretrainOptions())},
          {"probe", "ProbeOptions", flags_of(detectors::ProbeOptions())},
          {"eval", "EvalOptions", flags_of(EvalOptions())},
          {"detect", "DetectOptions", flags_of(detectors::DetectOptions())},
          {"quantize", "QuantizeOptions", flags_of(QuantizeOptions())},
          {"serve", "", flags_of(ServeOptions())},
          {"check-data", "CheckOptions", flags_of(datasets::CheckOptions())},
          {"convert-data", "ConvertOptions", flags_of(datasets::ConvertOptions())},
          {"synth", "SyntheticOptions", flags_of(datasets::SyntheticOptions())},
          {"bench", "BenchOptions", flags_of(BenchOptions())},
          {"models", "ModelsOptions", flags_of(ModelsOptions())}};
}

std::string escaped(std::string text) {
  for (size_t i = 0; (i = text.find('|', i)) != std::string::npos; i += 2) text.insert(i, "\\");
  return text;
}

void print_markdown() {
  std::cout
      << "# Options\n\n"
         "Every option of every command, written by `make docs` from the declarations in the code. "
         "On the command line\nan option is `--NAME VALUE`, in a configuration file (`--config "
         "FILE`) `NAME = VALUE`, and in Python\n`NAME=VALUE` with `_` in place of `-` and nested "
         "dicts in place of dots: `lanner.train(roi={\"beta\": 0.5})`.\nChecks name an option by "
         "its path, `roi.beta`. Lists are written `2,3,4`, lists of lists `32;64,96`, an empty\n"
         "list `none`. `lanner train` shows the options that `--preset auto` starts from; `lanner "
         "train "
         "--preset NAME --help`\nshows those of another.\n";
  for (const auto& group : all_groups()) {
    std::cout << "\n## lanner " << group.command << "\n";
    std::string heading;
    for (const auto& flag : group.flags) {
      if (flag.heading != heading)
        std::cout << "\n| " << flag.heading << " | default | |\n|---|---|---|\n";
      heading = flag.heading;
      std::cout << "| `--" << flag.name << "` | "
                << (flag.required        ? "required"
                    : flag.value.empty() ? ""
                                         : "`" + flag.value + "`")
                << " | " << escaped(flag.help) << " |\n";
    }
  }
}

// A TypedDict with its fields, and the dicts in it.
struct TypedDict {
  std::string name;
  std::vector<std::pair<std::string, std::string>> fields{};  // name and type
  std::vector<TypedDict> nested{};

  void add(const std::string& path, const std::string& type) {
    const auto dot = path.find('.');
    if (dot == std::string::npos) return void(fields.emplace_back(path, type));
    const auto key = path.substr(0, dot);
    auto found = std::find_if(nested.begin(), nested.end(),
                              [&](const TypedDict& dict) { return dict.name == key; });
    if (found == nested.end()) found = nested.insert(nested.end(), TypedDict{key});
    found->add(path.substr(dot + 1), type);
  }

  // prefix: the type of the dict that this one is in.
  void print(const std::string& prefix) const {
    const auto type = prefix + camel_case(name);
    for (const auto& dict : nested) dict.print(type);
    std::cout << "\nclass " << type << "(TypedDict, total=False):\n";
    std::map<std::string, std::string> types(fields.begin(), fields.end());
    for (const auto& dict : nested) {  // --backbone is a name, and the prefix of options
      auto& both = types[dict.name];
      both = type + camel_case(dict.name) + (both.empty() ? "" : " | " + both);
    }
    for (const auto& [key, value] : types) std::cout << "    " << key << ": " << value << "\n";
  }

 private:
  static std::string camel_case(const std::string& key) {  // fpn_pool -> FpnPool
    std::string text;
    bool upper = true;
    for (const char c : key) {
      if (c != '_') text += upper ? static_cast<char>(std::toupper(c)) : c;
      upper = c == '_';
    }
    return text;
  }
};

void print_stubs() {
  std::cout << "# Written by `make docs` from the declarations of the options in C++.\n"
               "from collections.abc import Sequence\n"
               "from os import PathLike\n"
               "from typing import Literal, TypedDict\n";
  const auto print = [](const char* name, const std::vector<Flag>& flags) {
    TypedDict dict{name};
    for (const auto& flag : flags)
      if (!flag.required) dict.add(flag.path, flag.python_type);
    dict.print("");
  };
  print("DetectorOptions", flags_of(detectors::DetectorOptions()));
  for (const auto& group : all_groups())
    if (*group.type) print(group.type, group.flags);
}

}  // namespace

int list_options(const std::vector<std::string>& arguments) {
  ListOptions options;
  const Usage usage{.command = "options",
                    .synopsis = "lanner options [markdown|stubs]",
                    .text = "Prints every option of every command.\n",
                    .positional = {"format"}};
  if (!parse_into(options, arguments, usage)) return 0;
  options.format == "stubs" ? print_stubs() : print_markdown();
  return 0;
}

}  // namespace lanner::tools
