"""R-FCN's position-sensitive pooling by ONNX's standard operators.

Maps are [1, classes * k * k, H, W], with channel (c * k + i) * k + j for class c and bin (i, j);
boxes are [K, 4] in image pixels. Both functions return [K, classes], the mean over the bins.
"""

from __future__ import annotations

import numpy

from lanner.onnx_graph import OnnxGraph


def vote_by_align(
    g: OnnxGraph, maps: str, boxes: str, classes: int, k: int, scale: float, sampling_ratio: int
) -> str:
    """By RoIAlign: all maps are pooled for all bins, and each map's own bin is taken."""
    image = g("Expand", 0, g.size(boxes, 0))
    pooled = g("RoiAlign", maps, boxes, image, output_height=k, output_width=k,
               sampling_ratio=sampling_ratio, spatial_scale=scale, mode="avg",
               coordinate_transformation_mode="half_pixel")  # fmt: skip
    by_bin = g("Reshape", pooled, [0, classes, k * k, k * k])  # RoI, class, map's bin, pooled bin
    own = numpy.eye(k * k, dtype=numpy.float32) / numpy.float32(k * k)
    return g("ReduceSum", g("Mul", by_bin, g.constant(own)), [2, 3], keepdims=0)


def vote_by_ranges(
    g: OnnxGraph, maps: str, boxes: str, classes: int, k: int, scale: float
) -> str:
    """By the whole pixels of each bin, as the official R-FCN code has it.

    Their sum is the difference of four values of an integral image, in double, which keeps the
    digits that matter.
    """
    sides = g("Slice", g("Shape", maps), [2], [4], [0])  # H, W
    integral = g("CumSum", g("CumSum", g.cast(maps, "DOUBLE"), 2), 3)
    integral = g("Pad", integral, [0, 0, 1, 1, 0, 0, 0, 0], g.constant(0.0, numpy.float64))
    shape = g("Concat", [classes, k, k], g("Add", sides, 1), axis=0)
    integral = g("Transpose", g("Reshape", integral, shape), perm=[1, 2, 3, 4, 0])

    def ranges(low: int) -> tuple[str, str]:
        """First and last + 1 pixel of each bin of an axis, [K, k] float; low: x1 is 0, y1 1."""
        first, last = (g("Floor", g("Add", g.columns(boxes, c, c + 1), 0.5)) for c in (low, low + 2))
        start = g("Mul", first, scale)
        length = g("Max", g("Sub", g("Mul", g("Add", last, 1.0), scale), start), numpy.float32(0.1))
        step = g("Div", length, float(k))
        limit = g("Gather", g.cast(sides, "FLOAT"), [1 - low])
        bins = numpy.arange(k + 1, dtype=numpy.float32)
        begin = g("Floor", g("Add", g("Mul", step, g.constant(bins[:-1])), start))
        end = g("Ceil", g("Add", g("Mul", step, g.constant(bins[1:])), start))
        return tuple(g("Min", g("Max", x, 0.0), limit) for x in (begin, end))

    (x1, x2), (y1, y2) = (tuple(g.cast(x, "INT64") for x in ranges(low)) for low in (0, 1))
    grid = g("Concat", g.size(boxes, 0), [k, k, 1], axis=0)
    row, column = (numpy.arange(k).reshape(shape) for shape in ((1, k, 1, 1), (1, 1, k, 1)))

    def corner(y: str, x: str) -> str:
        """The integral image at a corner of each bin, [K, k, k, C]."""
        parts = (row, column, g("Unsqueeze", y, [2, 3]), g("Unsqueeze", x, [1, 3]))
        return g("GatherND", integral, g("Concat", *(g("Expand", p, grid) for p in parts), axis=3))

    total = g("Sub", g("Sub", g("Add", corner(y2, x2), corner(y1, x1)), corner(y1, x2)),
              corner(y2, x1))  # fmt: skip
    heights, widths = g("Unsqueeze", g("Sub", y2, y1), [2, 3]), g("Unsqueeze", g("Sub", x2, x1), [1, 3])
    count = g.cast(g("Max", g("Mul", heights, widths), 1), "DOUBLE")  # an empty bin is 0
    return g.cast(g("ReduceMean", g("Div", total, count), axes=[1, 2], keepdims=0), "FLOAT")
