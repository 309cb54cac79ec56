"""Detectors: build, load, train in an ordinary torch loop, detect, save."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Iterator, Mapping, Sequence, Union, overload

import torch
from torch import Tensor

from lanner import _core

if TYPE_CHECKING:
    import numpy

Image = Union[str, os.PathLike, "numpy.ndarray", Tensor]
Target = Mapping[str, Tensor]


def _as_tensor(image: Image) -> Tensor:
    """A path, a uint8 RGB array [H, W, 3], or a float tensor [3, H, W] in 0..1, as the latter."""
    if isinstance(image, Tensor):
        return image
    if isinstance(image, (str, os.PathLike)):
        return _core.read_image(os.fspath(image))
    shape, dtype = getattr(image, "shape", None), str(getattr(image, "dtype", type(image).__name__))
    if shape is None or len(shape) != 3 or shape[2] != 3 or dtype != "uint8":
        raise ValueError(
            "image: expected a path, a uint8 RGB array [H, W, 3] or a float tensor [3, H, W], "
            f"got {dtype} {shape if shape is not None else ''}"
        )
    return torch.tensor(image).permute(2, 0, 1).float().div_(255)


class Detector:
    """A two-stage detector, as torchvision's: called with images it gives losses or detections.

    Made by `lanner.build` or `lanner.load`.
    """

    def __init__(self, core: _core.Detector) -> None:
        self._core = core
        self.training = False
        self.eval()

    @property
    def options(self) -> dict:
        """What the detector is made of: architecture, sizes, thresholds, classes."""
        return json.loads(self._core.options())

    @property
    def classes(self) -> list[str]:
        """Names of the labels 1..C, in order."""
        return [category["name"] for category in self.options["categories"]]

    @overload
    def __call__(
        self, images: Image, targets: Target | Sequence[Target] | None = None
    ) -> dict[str, Tensor]: ...
    @overload
    def __call__(self, images: Sequence[Image]) -> list[dict[str, Tensor]]: ...
    @overload
    def __call__(self, images: Sequence[Image], targets: Sequence[Target]) -> dict[str, Tensor]: ...

    def __call__(self, images, targets=None):
        """While training: a dict of scalar losses. Else `{"boxes", "labels", "scores"}` for an image,
        or a list of them for a list; boxes are x1, y1, x2, y2 in the image's own pixels.

        targets: for each image "boxes" [G, 4] and "labels" [G], 1..C.
        """
        one = not isinstance(images, (list, tuple))
        tensors = [_as_tensor(image) for image in ([images] if one else images)]
        if not self.training:
            with torch.no_grad():
                results = self._core.detect(tensors)
            return results[0] if one else results
        if targets is None:
            raise ValueError("targets: expected while training, got None")
        targets = [targets] if isinstance(targets, Mapping) else list(targets)
        for i, target in enumerate(targets):
            for name in ("boxes", "labels"):
                if not isinstance(target.get(name), Tensor):
                    raise ValueError(f'targets[{i}]["{name}"]: expected a tensor')
        return self._core.losses(
            tensors, [t["boxes"] for t in targets], [t["labels"] for t in targets]
        )

    def train(self, mode: bool = True) -> Detector:
        self.training = mode
        self._core.train(mode)
        return self

    def eval(self) -> Detector:
        return self.train(False)

    def to(self, device: str | torch.device) -> Detector:
        self._core.to(str(device))
        return self

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        return iter(self._core.named_parameters())

    def parameters(self) -> Iterator[Tensor]:
        return (parameter for _, parameter in self._core.named_parameters())

    def state_dict(self) -> OrderedDict[str, Tensor]:
        """Parameters and buffers under torchvision's names, sharing the detector's memory."""
        named = [*self._core.named_parameters(), *self._core.named_buffers()]
        return OrderedDict((name, tensor.detach()) for name, tensor in named)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """All or nothing: ValueError lists every missing, unexpected and misshapen tensor."""
        self._core.load_state_dict(dict(state))

    def load_backbone(self, path: str | os.PathLike) -> dict[str, list[str]]:
        """Takes the backbone's tensors from a .safetensors file: of `lanner pretrain`, of another
        detector, or a converted torchvision ResNet. Returns the names that were "loaded", that stay
        "fresh", and those of the file that are "unused"; ValueError where a shape differs, and then
        nothing is loaded.
        """
        return self._core.load_backbone(os.fspath(path))

    def save(self, path: str | os.PathLike) -> None:
        """Writes a .safetensors file that `lanner.load` and `lanner detect` read."""
        self._core.save(os.fspath(path))


def load(path: str | os.PathLike, device: str | torch.device = "cpu", **options) -> Detector:
    """A detector from weights that `lanner train` or `Detector.save` wrote.

    options replace parts of its own, as for `lanner.build`: `roi={"score_threshold": 0.01}`.
    Raises FileNotFoundError, ValueError where it is no detector, TypeError for an unknown option.
    """
    with torch.random.fork_rng(devices=[]):  # a network is drawn before it is filled
        detector = Detector(_core.load(os.fspath(path), str(device)))
        if not options:
            return detector
        chosen = detector.options
        _replace(chosen, options)
        changed = Detector(_core.Detector(json.dumps(chosen)))
    changed.load_state_dict(detector.state_dict())
    return changed.to(device)


def _replace(chosen: dict, parts: Mapping, place: str = "") -> None:
    """Puts parts of nested options in the place of what is there; TypeError for an unknown name."""
    unknown = sorted(set(parts) - set(chosen))
    if unknown:
        where = f"{place}: " if place else ""
        raise TypeError(f"{where}unknown option {unknown}; there are {', '.join(chosen)}")
    for name, value in parts.items():
        if isinstance(chosen[name], dict) and isinstance(value, Mapping):
            _replace(chosen[name], value, f"{place}.{name}" if place else name)
        else:
            chosen[name] = value


def build(
    num_classes: int | None = None,
    *,
    classes: Sequence[str] | None = None,
    preset: str | None = None,
    backbone: str | Mapping | None = None,
    **options,
) -> Detector:
    """A detector of fresh weights, drawn from torch's generator.

    Give the number of classes (without background) or their names. `backbone` is such as
    "resnet18-fpn", "resnet50-c4" or "resnet101-dc5", or a part of the options, as the others are.
    Further keywords replace parts of the preset's options, whose names and values `Detector.options`
    shows: `resize={"min_size": 480}`, `roi={"score_threshold": 0.2}`. Without a preset it is the
    first one of `model`.
    """
    if (num_classes is None) == (classes is None):
        raise ValueError("num_classes, classes: expected one of them")
    if num_classes is not None and num_classes < 1:
        raise ValueError(f"num_classes: expected at least 1, got {num_classes}")
    names = list(classes) if classes is not None else [str(i + 1) for i in range(num_classes)]
    named = backbone if isinstance(backbone, str) else ""
    if preset is None:
        preset = _core.preset_of_model(options.get("model", "faster_rcnn"))
    chosen = json.loads(_core.preset(preset, named))
    if isinstance(backbone, Mapping):
        options["backbone"] = backbone
    _replace(chosen, options)
    chosen["categories"] = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    return Detector(_core.Detector(json.dumps(chosen)))
