"""Detectors: build, load, train in a plain PyTorch loop, detect, save."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Mapping, Sequence, Union, overload

import torch
from torch import Tensor

from lanner import _core

if TYPE_CHECKING:
    import numpy
    import PIL.Image

Image = Union[str, os.PathLike, "numpy.ndarray", "PIL.Image.Image", Tensor]
Target = Mapping[str, Tensor]


def _from_array(array: numpy.ndarray) -> Tensor:
    """A NumPy image, gray, RGB or RGBA, uint8, uint16 or float in 0..1, as a tensor [3, H, W]."""
    shape, kind = array.shape, str(array.dtype)
    if array.ndim == 2:
        array = array[:, :, None]
    channels = array.shape[2] if array.ndim == 3 else 0
    if channels not in (1, 3, 4) or kind not in ("uint8", "uint16", "float32", "float64"):
        raise ValueError(
            "image: expected a path, a PIL image, an array [H, W], [H, W, 3] or [H, W, 4] of "
            "uint8, uint16 or floats, or a uint8 or float tensor [3, H, W], got "
            f"{kind} {list(shape)}"
        )
    if kind == "uint16":
        array = ((array.astype("uint32") + 128) // 257).astype("uint8")
    # torch cannot share memory of negative strides, or of read-only arrays without a warning.
    tensor = torch.from_numpy(array[:, :, :3].copy()).permute(2, 0, 1)
    return tensor.expand(3, -1, -1) if channels == 1 else tensor


def _from_pil(image) -> Tensor:
    import numpy

    if image.mode.startswith("I;16"):
        return _from_array(numpy.asarray(image).astype("uint16"))
    return _from_array(numpy.asarray(image.convert("RGB")))


def _as_tensor(image: Image) -> Tensor:
    """The image as a tensor [3, H, W]: uint8, or float in 0..1 where it was given as one."""
    if isinstance(image, Tensor):
        return image
    if isinstance(image, (str, os.PathLike)):
        return _core.read_image(os.fspath(image))
    if hasattr(image, "mode") and hasattr(image, "convert"):
        return _from_pil(image)
    if not hasattr(image, "shape") or not hasattr(image, "dtype"):
        raise ValueError(
            "image: expected a path, a PIL image, an array or a tensor, got "
            f"{type(image).__name__}"
        )
    return _from_array(image)


class _Part(torch.nn.Module):
    """Holds the parameters of a part of a detector under their names."""


class Detector(torch.nn.Module):
    """A two-stage detector with the calling convention of torchvision's detectors.

    Called with images, it returns losses in training mode and detections in evaluation mode.
    Create one with `lanner.build` or `lanner.load`; it starts in evaluation mode. It is a
    torch.nn.Module: it can be copied, pickled, part of another module, and wrapped in
    DistributedDataParallel. Its weights are float32; autocast lowers the precision of computations.

    An image is one of
      - a path (EXIF orientation is applied),
      - a PIL image of any mode,
      - an array [H, W, 3], RGB, also gray [H, W] or RGBA [H, W, 4]: uint8, uint16 or float,
      - a tensor [3, H, W], uint8 or float.
    Floats are in 0..1; values outside raise ValueError. A tensor [N, 3, H, W] is N images.
    """

    def __init__(self, core: _core.Detector) -> None:
        super().__init__()
        self._core = core
        for name, tensor in core.named_parameters():
            tensor._is_param = True  # the detector's own tensor, which torch.nn.Parameter would copy
            owner, last = self._owner(name)
            owner.register_parameter(last, tensor)
        for name, tensor in core.named_buffers():
            owner, last = self._owner(name)
            owner.register_buffer(last, tensor)
        self.eval()

    def _owner(self, name: str) -> tuple[torch.nn.Module, str]:
        """The module that holds a tensor, made where it is missing, and the tensor's name in it."""
        owner: torch.nn.Module = self
        *path, last = name.split(".")
        for part in path:
            if part not in owner._modules:
                owner.add_module(part, _Part())
            owner = owner._modules[part]
        return owner, last

    def __reduce__(self) -> tuple:
        state = {name: tensor.cpu() for name, tensor in self.state_dict().items()}
        device = str(next(self.parameters()).device)
        return _restore, (self._core.options(), state, device, self.training)

    def __deepcopy__(self, memo: dict) -> Detector:
        function, arguments = self.__reduce__()
        return function(*arguments)

    def __repr__(self) -> str:
        o = self.options
        count = sum(parameter.numel() for parameter in self.parameters())
        count += sum(t.numel() for name, t in self.named_buffers() if name.endswith("quantized.weight"))
        return (
            f"Detector(model={o['model']}, backbone=resnet{o['backbone']['depth']}-"
            f"{o['backbone']['neck']}, classes={len(self.classes)}, {count / 1e6:.1f} M parameters)"
        )

    @property
    def options(self) -> dict:
        """All options of the detector: architecture, image sizes, thresholds, classes."""
        return json.loads(self._core.options())

    @property
    def classes(self) -> list[str]:
        """The names of labels 1..C, in order."""
        return [category["name"] for category in self.options["categories"]]

    if TYPE_CHECKING:

        @overload
        def __call__(
            self, images: Image, targets: Target | Sequence[Target] | None = None
        ) -> dict[str, Tensor]: ...
        @overload
        def __call__(self, images: Sequence[Image]) -> list[dict[str, Tensor]]: ...
        @overload
        def __call__(
            self, images: Sequence[Image], targets: Sequence[Target]
        ) -> dict[str, Tensor]: ...
        def __call__(self, images, targets=None): ...

    def forward(self, images, targets=None):
        """Detects objects, or computes losses in training mode.

        In evaluation mode, returns a dict with "boxes" [N, 4] (x1, y1, x2, y2 in pixels of the
        input image), "labels" [N] (1..C) and "scores" [N]; for a list of images, a list of dicts.
        In training mode, returns a dict of scalar losses.

        targets: required in training mode; per image a dict with "boxes" [G, 4] and "labels" [G].
        """
        if isinstance(images, Tensor) and images.dim() == 4:
            images = list(images)
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
        super().train(mode)
        self._core.train(mode)
        return self

    def eval(self) -> Detector:
        return self.train(False)

    def to(self, *arguments, **options) -> Detector:
        """Moves the detector to a device, as torch.nn.Module.to does. Raises TypeError for another
        type than float32."""
        return super().to(*arguments, **options)

    def _apply(self, change, recurse: bool = True) -> Detector:
        changed = change(torch.empty(0, device=next(self.parameters()).device))
        if changed.dtype != torch.float32:
            raise TypeError(f"a detector's weights are float32, got {changed.dtype}; use autocast")
        self._core.to(str(changed.device))
        return self

    def load_state_dict(self, state: Mapping[str, Tensor], strict: bool = True, assign=False):
        """Copies the tensors into the detector.

        strict: raises ValueError listing every missing, unexpected and misshapen tensor; the
            detector is then unchanged. Otherwise, takes those that are there, and returns the names
            of the others, as torch.nn.Module does.
        """
        if assign:
            raise ValueError("assign: a detector keeps its own tensors; they can be copied into")
        if not strict:
            return super().load_state_dict(state, strict=False)
        self._core.load_state_dict(dict(state))
        return torch.nn.modules.module._IncompatibleKeys([], [])

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


def _restore(options: str, state: dict, device: str, training: bool) -> Detector:
    with torch.random.fork_rng(devices=[]):  # construction draws weights that are then replaced
        detector = Detector(_core.Detector(options, state))
    return detector.to(device).train(training)


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
        return Detector(_core.Detector(json.dumps(merged), dict(detector.state_dict()))).to(device)


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


def enable_cpu_cache() -> None:
    """Makes detection reuse the memory of large tensors instead of asking for new pages.

    Keeps up to 256 MB. Replaces torch's CPU allocator in this process for good: call it once,
    before other threads run. Further calls have no effect.
    """
    _core.enable_cpu_cache()
