#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int convert_data(const std::vector<std::string>& arguments) {
  datasets::ConvertOptions options;
  const Usage usage{
      .command = "convert-data",
      .synopsis = "lanner convert-data DATA[:SPLIT] OUT --to coco|voc|yolo [--split 80,10,10]",
      .text =
          "Reads a data set as its tool exports it and writes it, with its images, in one of three "
          "formats.\n",
      .positional = {"data", "out"}};
  return parse_into(options, arguments, usage) ? data_jobs().convert_data(options) : 0;
}

}  // namespace lanner::tools
