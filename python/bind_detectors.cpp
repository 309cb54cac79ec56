#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>
#include "lanner/detectors/device.h"
#include "lanner/ops/torch.h"

#include "lanner/datasets/images/image.h"
#include "lanner/detectors/backbones/resnet.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/presets.h"
#include "lanner/detectors/quantization/quantized_layer.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "python/bind.h"

namespace py = pybind11;

namespace lanner::python {
namespace {

using detectors::Detector;
using NoGil = py::call_guard<py::gil_scoped_release>;
using Tensors = std::vector<at::Tensor>;

// The pixels of an image file, EXIF orientation applied. [3, H, W] uint8.
at::Tensor read_image(const std::string& path) {
  const auto rgb = datasets::read_image(path).rgb;
  return torch::from_blob(rgb.data, {rgb.rows, rgb.cols, 3}, torch::kByte)
      .permute({2, 0, 1})
      .contiguous();
}

std::map<std::string, at::Tensor> losses(Detector& detector, const Tensors& images,
                                         const Tensors& boxes, const Tensors& labels) {
  auto batch = detector->prepare(images);
  detector->set_targets(batch, boxes, labels);
  const auto found = detector->losses(batch).named();
  return {found.begin(), found.end()};
}

std::vector<std::map<std::string, at::Tensor>> detect(Detector& detector, const Tensors& images) {
  std::vector<std::map<std::string, at::Tensor>> results;
  for (const auto& found : detector->detect(detector->prepare(images)))
    results.push_back({{"boxes", found.boxes}, {"labels", found.labels}, {"scores", found.scores}});
  return results;
}

Detector load(const std::string& path, const std::string& device) {
  auto detector = detectors::load_detector(path);
  detectors::place(*detector, detectors::device_from_name(device));
  return detector;
}

Detector build(const std::string& options) {
  Detector detector(detectors::options_from_json(options));
  detectors::place(*detector, torch::kCPU);
  return detector;
}

// A torchvision ResNet's tensors, less its classifier, as `lanner train --init` reads them.
void save_resnet(const std::string& path, int depth,
                 const std::map<std::string, at::Tensor>& state) {
  torch::nn::Module root;
  auto backbone = root.register_module("backbone", std::make_shared<torch::nn::Module>());
  backbone->register_module("body", detectors::ResNet(detectors::ResNetOptions{.depth = depth}));
  std::map<std::string, at::Tensor> named;
  for (const auto& [name, tensor] : state)
    if (!name.starts_with("fc.")) named["backbone.body." + name] = tensor;
  detectors::load_state(root, named, "state_dict");
  detectors::write_safetensors(path, {detectors::state_of(root), {{"format", "1"}}});
}

// The ResNet's tensors of any weights of lanner's, under torchvision's names.
std::map<std::string, at::Tensor> resnet_state(const std::string& path) {
  const std::string prefix = "backbone.body.";
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : detectors::read_safetensors(path).tensors)
    if (name.starts_with(prefix)) state[name.substr(prefix.size())] = tensor;
  if (state.empty()) throw bad_data(path + ": backbone: holds no tensor named backbone.body.*");
  return state;
}

template <typename Items>
std::vector<std::pair<std::string, at::Tensor>> pairs(const Items& items) {
  std::vector<std::pair<std::string, at::Tensor>> result;
  for (const auto& item : items) result.emplace_back(item.key(), item.value());
  return result;
}

}  // namespace

void bind_detectors(py::module_& module) {
  py::class_<Detector>(module, "Detector")
      .def(py::init([](const std::string& options) { return build(options); }))
      .def(py::init([](const std::string& options, std::map<std::string, at::Tensor> state) {
        auto detector = build(options);
        for (auto& [name, tensor] : state) tensor = tensor.clone();  // int8 forms keep it
        detectors::attach_quantized(*detector, state, "state_dict");
        detectors::load_state(*detector, state, "state_dict");
        return detector;
      }))
      .def("losses", &losses, NoGil())
      .def("detect", &detect, NoGil())
      .def("train", [](Detector& detector, bool on) { detector->train(on); })
      .def(
          "to",
          [](Detector& detector, const std::string& device) {
            detectors::place(*detector, detectors::device_from_name(device));
          },
          NoGil())
      .def("named_parameters", [](Detector& d) { return pairs(d->named_parameters()); })
      .def("named_buffers", [](Detector& d) { return pairs(d->named_buffers()); })
      .def("load_state_dict",
           [](Detector& detector, const std::map<std::string, at::Tensor>& state) {
             detectors::load_state(*detector, state, "state_dict");
           })
      .def("load_backbone",
           [](Detector& detector, const std::string& path) {
             const auto report = detectors::load_backbone(*detector, path);
             return std::map<std::string, std::vector<std::string>>{
                 {"loaded", report.loaded}, {"missing", report.missing}, {"unused", report.unused}};
           })
      .def(
          "save",
          [](const Detector& detector, const std::string& path) {
            detectors::save_detector(path, detector);
          },
          NoGil())
      .def("options", [](const Detector& d) { return detectors::to_json(d->options); });
  module.def("load", &load, NoGil());
  module.def("save_resnet", &save_resnet, NoGil());
  module.def("resnet_state", &resnet_state, NoGil());
  module.def("read_image", &read_image, NoGil());
  module.def("preset_of_model",
             [](const std::string& model) { return detectors::preset_of_model(model).name; });
  module.def("preset", [](const std::string& name, const std::string& backbone) {
    auto options = detectors::preset(name).options.detector;
    if (!backbone.empty()) detectors::set_backbone(options, backbone);
    return detectors::to_json(options);
  });
}

}  // namespace lanner::python
