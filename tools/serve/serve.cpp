#include "tools/serve/serve.h"

#include <httplib.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/results/image_results.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/inference/detect.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "tools/serve/batcher.h"
#include "tools/serve/metrics.h"
#include "tools/serve/page.h"

namespace lanner::tools {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// A request that cannot be answered.
struct Refusal {
  int status;
  std::string reason;
};

class Server {
 public:
  explicit Server(const ServeOptions& options)
      : options_(options), detector_(load(options)), batcher_(detector_, options) {
    server_.set_payload_max_length(static_cast<size_t>(options.max_megabytes * 1e6));
    const auto seconds = static_cast<time_t>(std::ceil(options.timeout));
    server_.set_read_timeout(seconds);
    server_.set_write_timeout(seconds);
    server_.set_keep_alive_timeout(seconds);
    // By default, two servers could listen on one port.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.new_task_queue = [&options] {
      return new httplib::ThreadPool(static_cast<size_t>(options.max_waiting) + 8);
    };
    server_.Get("/", [](const auto&, auto& answer) {
      answer.set_content(kServePage, "text/html; charset=utf-8");
    });
    server_.Get("/health", [](const auto&, auto& answer) {
      answer.set_content("{\"status\": \"ok\"}\n", "application/json");
    });
    server_.Get("/metrics", [this](const auto&, auto& answer) {
      answer.set_content(metrics_.text(batcher_.waiting()), "text/plain; version=0.0.4");
    });
    server_.Post("/detect", [this](const auto& request, auto& answer) {
      const auto begin = Clock::now();
      try {
        detect(request, answer);
      } catch (const Refusal& refusal) {
        refuse(answer, refusal);
      } catch (const std::exception& error) {
        refuse(answer, {500, error.what()});
      }
      metrics_.count(answer.status < 0 ? 200 : answer.status,
                     std::chrono::duration<double>(Clock::now() - begin).count());
    });
    server_.set_error_handler([](const auto&, auto& answer) {
      if (answer.body.empty())
        refuse(answer, {answer.status, answer.status == 413   ? "the request is too large"
                                       : answer.status == 404 ? "no such page"
                                                              : "the request cannot be read"});
    });
  }

  void run(const std::function<bool()>& stop) {
    const bool any = options_.port == 0;
    const int port =
        any ? server_.bind_to_any_port(options_.host.c_str()) : static_cast<int>(options_.port);
    if (port < 0 || (!any && !server_.bind_to_port(options_.host.c_str(), port)))
      throw io_error("port: " + options_.host + ":" + std::to_string(options_.port) +
                     " cannot be listened on");
    std::cerr << "listening on http://" << options_.host << ":" << port << "\n";
    std::thread watcher([&] {
      while (!stop() && !ended_) std::this_thread::sleep_for(std::chrono::milliseconds(50));
      server_.stop();  // those that came are answered
    });
    const bool listened = server_.listen_after_bind();
    ended_ = true;
    watcher.join();
    if (!listened && !stop()) throw io_error("port: " + std::to_string(port) + ": closed");
  }

 private:
  static detectors::Detector load(const ServeOptions& options) {
    auto detector = detectors::load_detector(options.weights, options.thresholds);
    detectors::place(*detector, detectors::device_from_name(options.device));
    return detector;
  }

  static void refuse(httplib::Response& answer, const Refusal& refusal) {
    answer.status = refusal.status;
    answer.set_content(
        Json{{"error", refusal.reason}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
        "application/json");
  }

  // The image of a request: its body, or the first file of a form.
  static std::vector<unsigned char> body_of(const httplib::Request& request) {
    const auto& body = request.files.empty() ? request.body : request.files.begin()->second.content;
    return {body.begin(), body.end()};
  }

  cv::Mat decode(const std::vector<unsigned char>& bytes) const {
    if (bytes.empty()) throw Refusal{400, "expected an image as the body, got nothing"};
    try {
      return datasets::decode_image(bytes, "body", 0,
                                    static_cast<int64_t>(options_.max_megapixels * 1e6))
          .rgb;
    } catch (const Error& error) {
      throw Refusal{415, error.what()};
    }
  }

  double confidence_of(const httplib::Request& request) const {
    if (!request.has_param("conf")) return options_.conf;
    const auto text = request.get_param_value("conf");
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end || !(value >= 0 && value <= 1))
      throw Refusal{400, "conf: expected 0 to 1, got \"" + text + "\""};
    return value;
  }

  void detect(const httplib::Request& request, httplib::Response& answer) {
    const double confidence = confidence_of(request);
    const auto format = request.has_param("format") ? request.get_param_value("format") : "json";
    if (format != "json" && format != "jpeg")
      throw Refusal{400, "format: expected json or jpeg, got \"" + format + "\""};
    auto rgb = decode(body_of(request));
    auto result = batcher_.add(rgb);
    if (!result) throw Refusal{503, "too many images wait; try again later"};
    const auto objects = detectors::to_objects(result->get(), confidence);
    const auto& categories = detector_->options.categories;
    if (format == "jpeg") {
      datasets::draw(rgb, objects, categories);
      const auto bytes = datasets::encode_jpeg(rgb);
      answer.set_content(reinterpret_cast<const char*>(bytes.data()), bytes.size(), "image/jpeg");
      return;
    }
    Json json{{"width", rgb.cols}, {"height", rgb.rows}, {"objects", Json::array()}};
    for (const auto& object : objects) {
      const auto& [box, label, score, track] = object;
      json["objects"].push_back({{"category", categories[label - 1].name},
                                 {"category_id", categories[label - 1].id},
                                 {"bbox", {box.x1, box.y1, box.width(), box.height()}},
                                 {"score", score}});
    }
    answer.set_content(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                       "application/json");
  }

  const ServeOptions& options_;
  detectors::Detector detector_;
  Batcher batcher_;
  ServerMetrics metrics_;
  httplib::Server server_;
  std::atomic<bool> ended_ = false;
};

}  // namespace

void serve(const ServeOptions& options, const std::function<bool()>& stop) {
  Server(options).run(stop);
}

}  // namespace lanner::tools
