#include "tools/command.h"
#include "tools/jobs.h"

namespace lanner::tools {

int serve(const std::vector<std::string>& arguments) {
  ServeOptions options;
  const Usage usage{.command = "serve",
                    .synopsis = "lanner serve --weights W [--port 8080]",
                    .text =
                        "Answers images sent by HTTP with detections, and has a page to drop "
                        "an image on.\n\n"
                        "  lanner serve --weights best.safetensors\n"
                        "  curl --data-binary @photo.jpg http://127.0.0.1:8080/detect\n"};
  return parse_into(options, arguments, usage) ? torch_jobs().serve(options) : 0;
}

}  // namespace lanner::tools
