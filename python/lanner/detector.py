"""Detectors: build, load, train in a plain PyTorch loop, detect, save."""

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
    """The image as a tensor [3, H, W]: uint8, or float in 0..1 where it was given as one."""
    if isinstance(image, Tensor):
        return image
    if isinstance(image, (str, os.PathLike)):
        return _core.read_image(os.fspath(image))
    shape, dtype = getattr(image, "shape", None), str(getattr(image, "dtype", type(image).__name__))
    if shape is None or len(shape) != 3 or shape[2] != 3 or dtype != "uint8":
        raise ValueError(
            "image: expected a path, a uint8 RGB array [H, W, 3] or a uint8 or float tensor "
            f"[3, H, W], got {dtype} {shape if shape is not None else ''}"
        )
    # torch cannot share memory of negative strides, or of read-only arrays without a warning.
    return torch.from_numpy(image.copy()).permute(2, 0, 1)


class Detector:
    """A two-stage detector with the calling convention of torchvision's detectors.

    Called with images, it returns losses in training mode and detections in evaluation mode.
    Create one with `lanner.build` or `lanner.load`; it starts in evaluation mode.

    An image is one of
      - a path (EXIF orientation is applied),
      - a uint8 RGB array [H, W, 3],
      - a uint8 tensor [3, H, W],
      - a float tensor [3, H, W] with values in 0..1; values outside raise ValueError.
    """

    def __init__(self, core: _core.Detector) -> None:
        self._core = core
        self.training = False
        self.eval()

    @property
    def options(self) -> dict:
        """All options of the detector: architecture, image sizes, thresholds, classes."""
        return json.loads(self._core.options())

    @property
    def classes(self) -> list[str]:
        """The names of labels 1..C, in order."""
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
        """Detects objects, or computes losses in training mode.

        In evaluation mode, returns a dict with "boxes" [N, 4] (x1, y1, x2, y2 in pixels of the
        input image), "labels" [N] (1..C) and "scores" [N]; for a list of images, a list of dicts.
        In training mode, returns a dict of scalar losses.

        targets: required in training mode; per image a dict with "boxes" [G, 4] and "labels" [G].
        """
        is_single = not isinstance(images, (list, tuple))
        tensors = [_as_tensor(image) for image in ([images] if is_single else images)]
        if not self.training:
            with torch.no_grad():
                results = self._core.detect(tensors)
            return results[0] if is_single else results
        if targets is None:
            raise ValueError("targets: required in training mode, got None")
        targets = [targets] if isinstance(targets, Mapping) else list(targets)
        for i, target in enumerate(targets):
            if not isinstance(target, Mapping):
                raise ValueError(f'targets[{i}]: expected a dict of "boxes" and "labels", '
                                 f"got {type(target).__name__}")
            for name in ("boxes", "labels"):
                if not isinstance(target.get(name), Tensor):
                    raise ValueError(f'targets[{i}]["{name}"]: expected a tensor')
            if target["labels"].is_floating_point():
                raise ValueError(f'targets[{i}]["labels"]: expected integers, '
                                 f'got {target["labels"].dtype}')
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
        """Parameters and buffers under torchvision's names. They share the detector's memory."""
        named = [*self._core.named_parameters(), *self._core.named_buffers()]
        return OrderedDict((name, tensor.detach()) for name, tensor in named)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Copies the tensors into the detector.

        Raises ValueError listing every missing, unexpected and misshapen tensor; the detector is
        then unchanged.
        """
        self._core.load_state_dict(dict(state))

    def load_backbone(self, path: str | os.PathLike) -> dict[str, list[str]]:
        """Loads the backbone from a .safetensors file.

        The file may come from `lanner pretrain`, another detector, or a converted torchvision
        ResNet. Returns the names of tensors that were "loaded", that are "missing" from the file
        and keep their values, and that are "unused" in the file. Raises ValueError if a shape
        differs; nothing is loaded then.
        """
        return self._core.load_backbone(os.fspath(path))

    def save(self, path: str | os.PathLike) -> None:
        """Writes a .safetensors file for `lanner.load` and `lanner detect`."""
        self._core.save(os.fspath(path))


def load(path: str | os.PathLike, device: str | torch.device = "cpu", **options) -> Detector:
    """Loads a detector from weights written by `lanner train` or `Detector.save`.

    options: replace the stored ones, as in `lanner.build`: `roi={"score_threshold": 0.01}`.
    Raises FileNotFoundError, ValueError if the file does not hold a detector, and TypeError for an
    unknown option.
    """
    with torch.random.fork_rng(devices=[]):  # construction draws weights that are then replaced
        detector = Detector(_core.load(os.fspath(path), str(device)))
        if not options:
            return detector
        merged = detector.options
        _update(merged, options)
        updated = Detector(_core.Detector(json.dumps(merged)))
    updated.load_state_dict(detector.state_dict())
    return updated.to(device)


def _update(options: dict, changes: Mapping, path: str = "") -> None:
    """Updates nested options in place. Raises TypeError for an unknown name."""
    unknown = sorted(set(changes) - set(options))
    if unknown:
        prefix = f"{path}: " if path else ""
        raise TypeError(f"{prefix}unknown option {unknown}; expected some of {', '.join(options)}")
    for name, value in changes.items():
        if isinstance(options[name], dict) and isinstance(value, Mapping):
            _update(options[name], value, f"{path}.{name}" if path else name)
        else:
            options[name] = value


def build(
    num_classes: int | None = None,
    *,
    classes: Sequence[str] | None = None,
    preset: str | None = None,
    backbone: str | Mapping | None = None,
    **options,
) -> Detector:
    """Builds a detector with random weights, drawn from torch's default generator.

    num_classes, classes: the number of classes without background, or their names.
    preset: a name listed by `lanner models`; by default the first preset of `model`.
    backbone: a name such as "resnet18-fpn", "resnet50-c4" or "resnet101-dc5", or a dict of options.
    options: replace those of the preset: `resize={"min_size": 480}`, `roi={"beta": 0.5}`.
        `Detector.options` shows all names and values.
    Raises ValueError for a bad value and TypeError for an unknown option.
    """
    if (num_classes is None) == (classes is None):
        raise ValueError("num_classes, classes: expected exactly one of them")
    if num_classes is not None and num_classes < 1:
        raise ValueError(f"num_classes: expected at least 1, got {num_classes}")
    if isinstance(classes, str):
        raise ValueError(f'classes: expected a list of names, got the text "{classes}"')
    names = list(classes) if classes is not None else [str(i + 1) for i in range(num_classes)]
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise ValueError(f"classes[{i}]: expected a name, got {name!r}")
        if name in names[:i]:
            raise ValueError(f'classes[{i}]: "{name}" is given twice')
    backbone_name = backbone if isinstance(backbone, str) else ""
    if preset is None:
        preset = _core.preset_of_model(options.get("model", "faster_rcnn"))
    merged = json.loads(_core.preset(preset, backbone_name))
    if isinstance(backbone, Mapping):
        options["backbone"] = backbone
    _update(merged, options)
    merged["categories"] = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    return Detector(_core.Detector(json.dumps(merged)))
