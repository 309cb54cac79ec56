#include "lanner/datasets/error.h"
#include "tools/command.h"
#include "tools/models_options.h"

namespace lanner::tools {

int models(const std::vector<std::string>& arguments) {
  ModelsOptions o;
  po::options_description options("options", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("height", defaulted(&o.height), "of the image that GFLOPs are counted for, pixels");
  add("width", defaulted(&o.width), "pixels");
  add("classes", defaulted(&o.classes), "of the detectors");
  const auto parsed = parse(arguments,
                            "usage: lanner models [options]\n\n"
                            "Lists the presets of lanner train, with parameters and GFLOPs.\n",
                            options);
  if (parsed.help) return 0;
  for (const auto& [option, value] :
       {std::pair{"height", o.height}, {"width", o.width}, {"classes", o.classes}})
    if (value < 1 || value > 10000)
      throw usage_error(std::string(option) + ": expected 1 to 10000, got " +
                        std::to_string(value));
  return run_job("lanner_models", &o);
}

}  // namespace lanner::tools
