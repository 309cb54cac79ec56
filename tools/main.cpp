#include <algorithm>
#include <iostream>

#include "lanner/datasets/error.h"
#include "lanner/detectors/version.h"
#include "tools/command.h"

namespace {

using lanner::tools::Command;

constexpr Command kCommands[] = {
    {"synth", "draw a synthetic data set with exact boxes", lanner::tools::synth},
    {"check-data", "list every issue of a data set, before training finds it",
     lanner::tools::check_data},
    {"convert-data", "write a data set of any tool as COCO, VOC or YOLO",
     lanner::tools::convert_data},
    {"select", "choose the images of a folder that are to be labeled first", lanner::tools::select},
    {"pretrain", "pretrain a backbone on a folder of images, without labels",
     lanner::tools::pretrain},
    {"quantize", "quantize a detector to int8, for CPUs", lanner::tools::quantize},
    {"probe", "measure how well the features of a backbone separate classes", lanner::tools::probe},
    {"train", "train a detector on VOC, COCO or YOLO data", lanner::tools::train},
    {"tune", "find learning rate and batch size of a long run by short ones", lanner::tools::tune},
    {"runs", "list runs with their best numbers, and what differs", lanner::tools::runs},
    {"eval", "evaluate a detector, or results of any other program, by the rules of COCO or VOC",
     lanner::tools::eval},
    {"detect", "find objects in images and videos", lanner::tools::detect},
    {"serve", "answer images sent by HTTP with detections", lanner::tools::serve},
    {"models", "list the presets", lanner::tools::models},
    {"bench", "time this program here, beside torchvision, PyTorch and pycocotools",
     lanner::tools::bench},
    {"options", "print every option of every command, for documentation and type stubs",
     lanner::tools::list_options},
    {"doctor", "show what is installed, and which operators run on which device",
     lanner::tools::doctor},
};

void print_help() {
  std::cout << "lanner: two-stage object detection, from unlabeled images to detections\n\n"
               "usage: lanner COMMAND [options]       lanner COMMAND --help\n\n";
  for (const auto& command : kCommands)
    std::cout << "  " << command.name << std::string(14 - std::string(command.name).size(), ' ')
              << command.summary << "\n";
}

}  // namespace

int main(int count, char** words) {
  try {
    const std::vector<std::string> arguments(words + 1, words + count);
    if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
      print_help();
      return arguments.empty() ? static_cast<int>(lanner::ExitCode::usage) : 0;
    }
    if (arguments[0] == "--version") {
      std::cout << "lanner " << lanner::detectors::version() << "\n";
      return 0;
    }
    const auto* command = std::find_if(std::begin(kCommands), std::end(kCommands),
                                       [&](auto& known) { return arguments[0] == known.name; });
    if (command == std::end(kCommands))
      throw lanner::usage_error("\"" + arguments[0] + "\" is not a command (see lanner --help)");
    return command->run({arguments.begin() + 1, arguments.end()});
  } catch (const lanner::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code);
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << error.what() << "\n";
    return static_cast<int>(lanner::ExitCode::internal);
  }
}
