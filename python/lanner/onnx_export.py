"""Detectors as ONNX graphs, for ONNX Runtime, OpenVINO and others."""

from __future__ import annotations

import functools
import json
import math
import os
from typing import Any, Callable

import numpy
from onnx import TensorProto, helper, save

from lanner.detector import Detector, load
from lanner.onnx_graph import OnnxGraph
from lanner.onnx_position_sensitive import vote_by_align, vote_by_ranges

_MAX_LOG_SIZE = math.log(1000 / 16)
_MIN_SIDE = {"rpn": 1e-3, "roi": 1e-2}


class _Exporter:
    def __init__(self, detector: Detector) -> None:
        if any(".quantized." in name for name in detector.state_dict()):
            raise ValueError("a quantized detector cannot be exported: export the weights that it was made of")
        self.options = detector.options
        self.state = {name: t.float().numpy() for name, t in detector.state_dict().items()}
        self.graph = OnnxGraph()

    # Layers.

    def scale_and_shift(self, norm: str) -> tuple[numpy.ndarray, numpy.ndarray] | None:
        """What a batch norm of fixed statistics does; None for one that depends on its input."""
        kind = self.options["backbone"]["norm"]
        weight, bias = self.state[norm + ".weight"], self.state[norm + ".bias"]
        if norm + ".running_var" in self.state:
            eps = self.options["backbone"]["norm_eps"] if norm.startswith("backbone.body") else 1e-5
            scale = weight / numpy.sqrt(self.state[norm + ".running_var"] + numpy.float32(eps))
            return scale, bias - self.state[norm + ".running_mean"] * scale
        return (weight, bias) if kind == "none" else None

    def conv(
        self, x: str, name: str, norm: str | None = None, stride: int = 1, dilation: int = 1,
        groups: int = 1, relu: bool = False, addend: str | None = None,
    ) -> str:
        g = self.graph
        weight, bias = self.state[name + ".weight"], self.state.get(name + ".bias")
        has_norm = norm is not None and norm + ".weight" in self.state
        affine = self.scale_and_shift(norm) if has_norm else None
        if affine:
            weight = weight * affine[0][:, None, None, None]
            bias = affine[1] + (bias * affine[0] if bias is not None else 0)
        pad = weight.shape[2] // 2 * dilation
        inputs = [x, g.weight(weight)] + ([g.weight(bias)] if bias is not None else [])
        x = g("Conv", *inputs, strides=[stride] * 2, dilations=[dilation] * 2, pads=[pad] * 4,
              group=groups)
        if has_norm and not affine:
            x = self.group_norm(x, norm)
        if addend:
            x = g("Add", x, addend)
        return g("Relu", x) if relu else x

    def group_norm(self, x: str, norm: str) -> str:
        g = self.graph
        weight, bias = self.state[norm + ".weight"], self.state[norm + ".bias"]
        channels = len(weight)
        groups = 1 if self.options["backbone"]["norm"] == "layer" else min(32, channels)
        flat = g("Reshape", x, [0, groups, -1])
        ones = numpy.ones(groups, numpy.float32)
        flat = g("InstanceNormalization", flat, g.weight(ones), g.weight(0 * ones), epsilon=1e-5)
        x = g("Reshape", flat, g("Shape", x))
        return g("Add", g("Mul", x, g.weight(weight[:, None, None])), g.weight(bias[:, None, None]))

    def linear(self, x: str, name: str, relu: bool = False) -> str:
        g = self.graph
        x = g("Gemm", x, g.weight(self.state[name + ".weight"]),
              g.weight(self.state[name + ".bias"]), transB=1)
        return g("Relu", x) if relu else x

    # The backbone.

    def stage(self, x: str, stage: int) -> str:
        o = self.options["backbone"]
        prefix = f"backbone.body.layer{stage}."
        dilated = stage == 4 and o["neck"] == "dc5"
        dilation = 2 if dilated else 1
        for i in range(100):
            block = f"{prefix}{i}."
            if block + "conv1.weight" not in self.state:
                break
            stride = 2 if i == 0 and stage > 1 and not dilated else 1
            shortcut = x
            if block + "downsample.0.weight" in self.state:
                shortcut = self.conv(x, block + "downsample.0", block + "downsample.1", stride)
            if block + "conv3.weight" in self.state:
                x = self.conv(x, block + "conv1", block + "bn1", relu=True)
                x = self.conv(x, block + "conv2", block + "bn2", stride, dilation, o["groups"], True)
                last = ("conv3", "bn3", 1)
            else:
                x = self.conv(x, block + "conv1", block + "bn1", stride, dilation, relu=True)
                last = ("conv2", "bn2", dilation)
            x = self.conv(x, block + last[0], block + last[1], dilation=last[2], relu=True,
                          addend=shortcut)
        return x

    def backbone(self, x: str) -> tuple[list[str], list[str], list[float]]:
        """Features for the RPN and the RoI head, and the latter's scales."""
        g, o = self.graph, self.options["backbone"]
        x = self.conv(x, "backbone.body.conv1", "backbone.body.bn1", 2, relu=True)
        x = g("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        last = {"fpn": max(o["fpn_stages"]), "c4": 3, "dc5": 4}[o["neck"]]
        stages = {}
        for stage in range(1, last + 1):
            stages[stage] = x = self.stage(x, stage)
        if o["neck"] == "c4":
            return [x], [x], [1 / 16]
        if o["neck"] == "dc5":
            return [stages[3]], [self.conv(x, "backbone.projection", relu=True)], [1 / 16]
        levels: list[str] = []
        inner = None
        for i in reversed(range(len(o["fpn_stages"]))):
            feature = stages[o["fpn_stages"][i]]
            top_down = inner and self.upsample(inner, feature)
            inner = self.conv(feature, f"backbone.fpn.inner_blocks.{i}.0",
                              f"backbone.fpn.inner_blocks.{i}.1", addend=top_down)
            levels.insert(0, self.conv(inner, f"backbone.fpn.layer_blocks.{i}.0",
                                       f"backbone.fpn.layer_blocks.{i}.1"))
        roi = list(levels)
        if o["fpn_pool"]:
            levels.append(g("MaxPool", levels[-1], kernel_shape=[1, 1], strides=[2, 2]))
        return levels, roi, [2.0 ** (-stage - 1) for stage in o["fpn_stages"]]

    def upsample(self, x: str, like: str) -> str:
        g = self.graph
        sizes = g("Concat", g("Slice", g("Shape", x), [0], [2], [0]),
                  g("Slice", g("Shape", like), [2], [4], [0]), axis=0)
        return g("Resize", x, None, None, sizes, mode="nearest", nearest_mode="floor",
                 coordinate_transformation_mode="asymmetric")

    # Boxes.

    def decode(self, deltas: str, boxes: str, weights: tuple[float, ...]) -> str:
        """Applies deltas [N, 4] to boxes [N, 4]."""
        g = self.graph
        low, high = g.columns(boxes, 0, 2), g.columns(boxes, 2, 4)
        size = g("Sub", high, low)
        center = g("Add", low, g("Mul", size, 0.5))
        deltas = g("Div", deltas, numpy.float32(weights))
        center = g("Add", g("Mul", g.columns(deltas, 0, 2), size), center)
        log_size = g("Min", g.columns(deltas, 2, 4), _MAX_LOG_SIZE)
        half = g("Mul", g("Mul", g("Exp", log_size), size), 0.5)
        return g("Concat", g("Sub", center, half), g("Add", center, half), axis=1)

    def clip(self, boxes: str, limits: str) -> str:
        """limits: [1, 4], width, height, width, height."""
        return self.graph("Max", self.graph("Min", boxes, limits), 0.0)

    def large_enough(self, boxes: str, stage: str) -> str:
        """Indices of boxes whose sides are not tiny."""
        g = self.graph
        sides = g("Sub", g.columns(boxes, 2, 4), g.columns(boxes, 0, 2))
        shortest = g("ReduceMin", sides, axes=[1], keepdims=0)
        return g.rows_where(g("GreaterOrEqual", shortest, _MIN_SIDE[stage]))

    def nms(self, boxes: str, scores: str, iou: float, most: Any) -> str:
        """Indices of the boxes that are kept, by descending score."""
        g = self.graph
        kept = g("NonMaxSuppression", g("Unsqueeze", boxes, [0]), g("Unsqueeze", scores, [0, 1]),
                 most, numpy.float32([iou]))
        return g("Gather", kept, 2, axis=1)

    def best(self, scores: str, most: int) -> tuple[str, str]:
        g = self.graph
        count = g("Min", g.size(scores, 0), [most])
        return tuple(g("TopK", scores, count, outputs=2, axis=0))

    # The stages.

    def anchors(self, feature: str, level: int, padded: str) -> str:
        """[H * W * A, 4] in pixels. padded: height and width of the images, [2] int64."""
        g, o = self.graph, self.options["anchors"]
        ratios = numpy.sqrt(numpy.float32(o["ratios"]))[:, None]
        sizes = numpy.float32(o["sizes"][level])[None]
        width, height = (1 / ratios * sizes).reshape(-1), (ratios * sizes).reshape(-1)
        base = numpy.round(numpy.stack([-width, -height, width, height], 1) / 2)
        shape = g("Slice", g("Shape", feature), [2], [4], [0])
        stride = g("Div", padded, shape)
        offsets = []
        for axis in (0, 1):
            count = g("Gather", shape, axis)
            steps = g("Mul", g("Range", 0, count, 1), g("Gather", stride, axis))
            offsets.append(g.cast(g("Reshape", steps, [[-1, 1], [1, -1]][axis]), "FLOAT"))
        y, x = (g("Expand", offset, shape) for offset in offsets)
        x, y = (g("Reshape", value, [-1, 1, 1]) for value in (x, y))
        shifts = g("Concat", x, y, x, y, axis=2)
        return g("Reshape", g("Add", shifts, g.weight(base[None])), [-1, 4])

    def flatten_anchors(self, x: str, values: int) -> str:
        """[1, A * K, H, W] to [H * W * A, K]."""
        g = self.graph
        shape = g("Concat", [-1], [values], g("Slice", g("Shape", x), [2], [4], [0]), axis=0)
        return g("Reshape", g("Transpose", g("Reshape", x, shape), perm=[2, 3, 0, 1]), [-1, values])

    def proposals(self, features: list[str], padded: str, limits: str) -> str:
        g, o = self.graph, self.options["rpn"]
        all_boxes, all_scores = [], []
        for level, x in enumerate(features):
            anchors = self.anchors(x, level, padded)
            for i in range(o["conv_depth"]):
                x = self.conv(x, f"rpn.head.conv.{i}.0", relu=True)
            logits = g("Squeeze", self.flatten_anchors(self.conv(x, "rpn.head.cls_logits"), 1), [1])
            deltas = self.flatten_anchors(self.conv(x, "rpn.head.bbox_pred"), 4)
            logits, top = self.best(logits, o["pre_nms_test"])
            boxes = self.decode(g("Gather", deltas, top), g("Gather", anchors, top), (1, 1, 1, 1))
            boxes = self.clip(boxes, limits)
            scores = g("Sigmoid", logits)
            valid = self.large_enough(boxes, "rpn")
            boxes, scores = g("Gather", boxes, valid), g("Gather", scores, valid)
            kept = self.nms(boxes, scores, o["nms_iou"], [o["pre_nms_test"]])
            all_boxes.append(g("Gather", boxes, kept)), all_scores.append(g("Gather", scores, kept))
        boxes = g("Concat", *all_boxes, axis=0)
        _, order = self.best(g("Concat", *all_scores, axis=0), o["post_nms_test"])
        return g("Gather", boxes, order)

    def pool_level(self, feature: str, boxes: str, scale: float, size: int) -> str:
        g, o = self.graph, self.options["roi"]
        if o["pooling"] == "roi_align":
            image = g("Expand", 0, g.size(boxes, 0))
            return g("RoiAlign", feature, boxes, image, output_height=size, output_width=size,
                     sampling_ratio=max(0, o["sampling_ratio"]), spatial_scale=scale, mode="avg",
                     coordinate_transformation_mode="output_half_pixel")
        zeros = g("Expand", 0.0, g("Concat", g.size(boxes, 0), [1], axis=0))
        return g("MaxRoiPool", feature, g("Concat", zeros, boxes, axis=1),
                 pooled_shape=[size, size], spatial_scale=scale)

    def by_level(
        self, pool: Callable[..., str], features: list[str], boxes: str, scales: list[float]
    ) -> str:
        """pool(feature, boxes, scale) of each box on the level of its size."""
        g = self.graph
        if len(features) == 1:
            return pool(features[0], boxes, scales[0])
        finest, coarsest = -math.log2(scales[0]), -math.log2(scales[-1])
        sides = g("Sub", g.columns(boxes, 2, 4), g.columns(boxes, 0, 2))
        area = g("ReduceProd", sides, axes=[1], keepdims=0)
        octave = g("Div", g("Log", g("Div", g("Sqrt", area), 224.0)), math.log(2))
        levels = g("Floor", g("Add", octave, 4 + 1e-6))
        levels = g("Sub", g("Max", g("Min", levels, coarsest), finest), finest)
        pooled, order = [], []
        for level, (feature, scale) in enumerate(zip(features, scales)):
            indices = g.rows_where(g("Equal", levels, float(level)))
            pooled.append(pool(feature, g("Gather", boxes, indices), scale))
            order.append(indices)
        order = g("Concat", *order, axis=0)
        _, inverse = g("TopK", order, g.size(order, 0), outputs=2, axis=0, largest=0)
        return g("Gather", g("Concat", *pooled, axis=0), inverse)

    def vote(self, maps: str, boxes: str, scale: float, classes: int) -> str:
        g, o = self.graph, self.options["roi"]
        if o["pooling"] == "roi_align":
            return vote_by_align(g, maps, boxes, classes, o["pooled_size"], scale,
                                 o["sampling_ratio"])
        return vote_by_ranges(g, maps, boxes, classes, o["pooled_size"], scale)

    def predict(self, features: list[str], boxes: str, scales: list[float]) -> tuple[str, str]:
        """Logits [K, C + 1] and deltas [K, 4 * (C + 1)], or [K, 4] of R-FCN."""
        g, o = self.graph, self.options["roi"]
        if self.options["model"] == "rfcn":
            hidden = []
            for x in features:
                for i in range(o["head_convs"]):
                    x = self.conv(x, f"roi_heads.convs.{i}.0", f"roi_heads.convs.{i}.1", relu=True)
                hidden.append(x)
            classes = len(self.options["categories"]) + 1
            logits, deltas = (
                self.by_level(functools.partial(self.vote, classes=count),
                              [self.conv(x, f"roi_heads.{name}") for x in hidden], boxes, scales)
                for name, count in (("score_maps", classes), ("box_maps", 4)))
            return logits, deltas
        pool = functools.partial(self.pool_level, size=o["pooled_size"])
        if self.options["backbone"]["neck"] == "c4":
            pool = functools.partial(self.pool_level, size=2 * o["pooled_size"])
            x = self.stage(self.by_level(pool, features, boxes, scales), 4)
            x = g("ReduceMean", x, axes=[2, 3], keepdims=0)
        else:
            x = self.by_level(pool, features, boxes, scales)
            for i in range(o["head_convs"]):
                x = self.conv(x, f"roi_heads.box_head.{i}.0", f"roi_heads.box_head.{i}.1", relu=True)
            x = g("Flatten", x)
            if o["head_convs"] > 0:
                x = self.linear(x, f"roi_heads.box_head.{o['head_convs'] + 1}", relu=True)
            else:
                x = self.linear(x, "roi_heads.box_head.fc6", relu=True)
                x = self.linear(x, "roi_heads.box_head.fc7", relu=True)
        return (self.linear(x, "roi_heads.box_predictor.cls_score"),
                self.linear(x, "roi_heads.box_predictor.bbox_pred"))

    def detections(self, logits: str, deltas: str, boxes: str, limits: str) -> tuple[str, str, str]:
        g, o = self.graph, self.options["roi"]
        classes = len(self.options["categories"])
        scores = g.columns(g("Softmax", logits, axis=1), 1, classes + 1)
        candidates = g("NonZero", g("Greater", scores, o["score_threshold"]))
        roi = g("Gather", candidates, 0, axis=0)
        label = g("Add", g("Gather", candidates, 1, axis=0), 1)
        scores = g("GatherND", scores, g("Transpose", candidates, perm=[1, 0]))
        by_class = g("Reshape", deltas, [-1, 4])  # of RoI 0 for all classes, RoI 1, ...
        is_agnostic = self.options["model"] == "rfcn"
        index = roi if is_agnostic else g("Add", g("Mul", roi, classes + 1), label)
        chosen = g("Gather", by_class, index)
        found = self.clip(self.decode(chosen, g("Gather", boxes, roi), (10, 10, 5, 5)), limits)
        valid = self.large_enough(found, "roi")
        found, scores, label = (g("Gather", x, valid) for x in (found, scores, label))
        # Boxes of different classes are moved apart.
        shift = g("Mul", g.cast(label, "FLOAT"), g("Add", g("ReduceMax", limits, keepdims=0), 1.0))
        apart = g("Add", found, g("Unsqueeze", shift, [1]))
        kept = self.nms(apart, scores, o["nms_iou"], [2**31 - 1])
        kept = g("Slice", kept, [0], [o["max_detections"]], [0])
        return tuple(g("Gather", x, kept) for x in (found, label, scores))

    # Images.

    def resize(self, image: str) -> str:
        """An image [1, 3, H, W] as the detector resizes it, by a product with a matrix per axis."""
        g, o = self.graph, self.options["resize"]
        sides = g.cast(g("Slice", g("Shape", image), [2], [4], [0]), "DOUBLE")
        double = numpy.float64
        low, high = (g(f"Reduce{kind}", sides, axes=[0]) for kind in ("Min", "Max"))
        scale = g("Min", g("Div", g.constant(o["min_size"], double), low),
                  g("Div", g.constant(o["max_size"], double), high))
        target = g("Max", g("Floor", g("Mul", sides, scale)), g.constant(1.0, double))
        step = g("Div", sides, target)  # positions of the image per new one
        shrinks = g("Less", g("ReduceMin", g("Div", target, sides), axes=[0]),
                    g.constant(1.0, double))
        x = g.cast(image, "FLOAT")
        for axis in (0, 1):
            matrix = self.resize_matrix(*(g("Gather", v, axis) for v in (sides, target, step)),
                                        shrinks if o["interpolation"] == "area" else None)
            x = g("MatMul", matrix, x) if axis == 0 else g("MatMul", x, g("Transpose", matrix))
        return x if o["interpolation"] == "torchvision" else g("Round", x)

    def resize_matrix(self, side: str, target: str, step: str, by_area: str | None) -> str:
        """[new, old]: the weight of each old pixel in each new one."""
        g, double = self.graph, numpy.float64
        zero, one, half = (g.constant(value, double) for value in (0.0, 1.0, 0.5))
        new = g("Unsqueeze", g("Range", zero, target, one), [1])
        old = g("Unsqueeze", g("Range", zero, side, one), [0])
        center = g("Sub", g("Mul", g("Add", new, half), step), half)
        center = g("Max", g("Min", center, g("Sub", side, one)), zero)
        weights = g("Max", g("Sub", one, g("Abs", g("Sub", center, old))), zero)
        if by_area:
            first, last = g("Mul", new, step), g("Mul", g("Add", new, one), step)
            shared = g("Sub", g("Min", last, g("Add", old, one)), g("Max", first, old))
            weights = g("Where", by_area, g("Div", g("Max", shared, zero), step), weights)
        return g.cast(weights, "FLOAT")

    def pad(self, x: str) -> str:
        """Zeros at the right and bottom, to a multiple of 32."""
        g = self.graph
        sides = g("Slice", g("Shape", x), [2], [4], [0])
        more = g("Mod", g("Sub", [32, 32], g("Mod", sides, [32, 32])), [32, 32])
        return g("Pad", x, g("Concat", [0, 0, 0, 0, 0, 0], more, axis=0), 0.0)

    def limits(self, x: str) -> str:
        """[1, 4] float: width, height, width, height of an image."""
        g = self.graph
        sides = g.cast(g("Gather", g("Shape", x), [3, 2, 3, 2]), "FLOAT")
        return g("Unsqueeze", sides, [0])

    def model(self, preprocess: bool) -> Any:
        g = self.graph
        kind = TensorProto.UINT8 if preprocess else TensorProto.FLOAT
        image = helper.make_tensor_value_info("image", kind, [1, 3, "height", "width"])
        x = "image"
        if preprocess:
            x = self.resize(x)
            mean, std = (255 * numpy.float32(self.options["normalization"][key])[:, None, None]
                         for key in ("mean", "std"))
            resized = x
            x = g("Div", g("Sub", x, g.weight(mean)), g.weight(std))
        limits = self.limits(x)
        padded_image = self.pad(x)
        padded = g("Slice", g("Shape", padded_image), [2], [4], [0])
        rpn, roi, scales = self.backbone(padded_image)
        boxes = self.proposals(rpn, padded, limits)
        logits, deltas = self.predict(roi, boxes, scales)
        found, labels, scores = self.detections(logits, deltas, boxes, limits)
        if preprocess:
            found = g("Mul", found, g("Div", self.limits("image"), self.limits(resized)))
        outputs = {
            "boxes": (found, TensorProto.FLOAT, ["detections", 4]),
            "labels": (labels, TensorProto.INT64, ["detections"]),
            "scores": (scores, TensorProto.FLOAT, ["detections"]),
        }
        classes = json.dumps([category["name"] for category in self.options["categories"]])
        return g.model([image], outputs, {"classes": classes, "options": json.dumps(self.options)})


def export_onnx(
    detector: Detector | str | os.PathLike, path: str | os.PathLike, *, preprocess: bool = False
) -> None:
    """Writes a detector as an ONNX graph of opset 17.

    detector: a Faster R-CNN, or the file of one.
    preprocess: the graph takes an image as it is, "image", uint8 [1, 3, H, W] in RGB, and resizes
        and normalizes it as the detector does. Otherwise "image" is a float tensor [1, 3, H, W]
        that is resized and normalized, and boxes are in its pixels.

    The graph returns "boxes" [D, 4], "labels" [D] and "scores" [D], as the detector does, for
    images of any size. The names of the classes are in its metadata, "classes".

    Raises ValueError for what standard operators cannot express: deformable layers, Soft-NMS, diffusion.
    """
    detector = detector if isinstance(detector, Detector) else load(detector)
    options = detector.options
    if options["model"] == "diffusion":
        raise ValueError("model: a diffusion detector cannot be exported: its loop over steps is no graph")
    if options["backbone"]["deformable"]["stages"]:
        raise ValueError("backbone.deformable: ONNX Runtime has no deformable convolution")
    if options["roi"]["deformable"]:
        raise ValueError("roi.deformable: ONNX has no deformable RoI pooling")
    if options["roi"]["soft_nms"]:
        raise ValueError("roi.soft_nms: ONNX has no Soft-NMS; load with roi={'soft_nms': 0}")
    save(_Exporter(detector).model(preprocess), os.fspath(path))
