"""Draws what each operator samples: docs/images/operators.py OUT_DIR (needs matplotlib).

The colors do not illustrate an idea: they are the operator's own gradient, the weight of every
cell of the input in one element of the output.
"""

import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle

import lanner

HEIGHT, WIDTH = 10, 13
ROI = (2.3, 1.7, 10.9, 8.2)  # in cells: x1, y1, x2, y2
COLOURS = ("Blues", "Oranges", "Greens")
BINS = ((0, 0), (1, 1), (2, 2))  # of 3 x 3, shown where each has a plane of its own


def weights(call, channels, chosen):
    """The gradient of output element `chosen` in each plane of the input."""
    x = torch.zeros(1, channels, HEIGHT, WIDTH, dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(call(x)[chosen], x)
    return grad[0]


def canvas(title):
    figure, axes = plt.subplots(figsize=(5.2, 4.2), dpi=100)
    axes.set_title(title, fontsize=10)
    axes.set_xlim(-1, WIDTH)
    axes.set_ylim(HEIGHT, -1)
    axes.set_aspect("equal")
    axes.set_xticks(range(WIDTH), minor=False)
    axes.set_yticks(range(HEIGHT))
    axes.tick_params(length=0, labelsize=7)
    for x in range(WIDTH):
        for y in range(HEIGHT):
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec="0.88", lw=0.6))
    return figure, axes


def paint(axes, weight, colors):
    weight = weight.numpy()
    for y, x in zip(*weight.nonzero()):
        color = matplotlib.colormaps[colors](0.25 + 0.6 * weight[y, x] / weight.max())
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, color=color, lw=0))


def bins(axes, box, count=3, moves=None):
    x1, y1, x2, y2 = box
    w, h = (x2 - x1) / count, (y2 - y1) / count
    for i in range(count):
        for j in range(count):
            dx, dy = (0, 0) if moves is None else moves[:, i, j].tolist()
            place = (x1 + j * w + dx, y1 + i * h + dy)
            axes.add_patch(Rectangle(place, w, h, fill=False, ec="0.2", lw=0.9))


def points(axes, box, bin, samples, centered, count=3, move=(0, 0)):
    x1, y1, x2, y2 = box
    w, h = (x2 - x1) / count, (y2 - y1) / count
    for a in range(samples):
        for b in range(samples):
            shift = 0.5 if centered else 0
            x = x1 + bin[1] * w + (b + shift) * w / samples + move[0]
            y = y1 + bin[0] * h + (a + shift) * h / samples + move[1]
            axes.plot(x, y, "k.", ms=5)


def rois(box):
    return torch.tensor([[0, *box]], dtype=torch.float64)


def roi_pool(out):
    figure, axes = canvas("roi_pool: the greatest cell of a bin (bin 1, 1 of 3 x 3)")
    # The maximum shows one cell at a time: raise each in turn and ask whether the bin notices.
    weight = torch.zeros(HEIGHT, WIDTH)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            plane = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.float64)
            plane[0, 0, y, x] = 1
            weight[y, x] = lanner.ops.roi_pool(plane, rois(ROI), 3)[0, 0, 1, 1]
    paint(axes, weight, "Blues")
    axes.add_patch(
        Rectangle(ROI[:2], ROI[2] - ROI[0], ROI[3] - ROI[1], fill=False, ec="0.2", ls="--")
    )
    x1, y1, x2, y2 = (round(v) for v in ROI)
    bins(axes, (x1 - 0.5, y1 - 0.5, x2 + 0.5, y2 + 0.5))
    figure.savefig(out, bbox_inches="tight")


def roi_align(out):
    figure, axes = canvas("roi_align: samples of a bin, averaged (aligned, 2 x 2 a bin)")
    paint(
        axes,
        weights(lambda x: lanner.ops.roi_align(x, rois(ROI), 3, 1, 2, True), 1, (0, 0, 1, 1))[0],
        "Blues",
    )
    box = [v - 0.5 for v in ROI]
    bins(axes, box)
    points(axes, box, (1, 1), 2, True)
    figure.savefig(out, bbox_inches="tight")


def position_sensitive(name, call, box, samples, out):
    figure, axes = canvas(f"{name}: three bins, each from a plane of its own")
    for (i, j), colors in zip(BINS, COLOURS):
        paint(axes, weights(call, 9, (0, 0, i, j))[i * 3 + j], colors)
        if samples:
            points(axes, box, (i, j), samples, True)
    bins(axes, box)
    figure.savefig(out, bbox_inches="tight")


def deform_conv2d(out):
    figure, axes = canvas("deform_conv2d: the taps of one position, each moved")
    torch.manual_seed(4)
    offset = torch.randn(1, 18, HEIGHT, WIDTH, dtype=torch.float64) * 0.9
    weight = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    row, column = 5, 6
    paint(
        axes,
        weights(
            lambda x: lanner.ops.deform_conv2d(x, offset, weight, padding=2, dilation=2),
            1,
            (0, 0, row, column),
        )[0],
        "Blues",
    )
    for tap in range(9):
        x, y = column + (tap % 3 - 1) * 2, row + (tap // 3 - 1) * 2
        dy, dx = offset[0, 2 * tap : 2 * tap + 2, row, column].tolist()
        axes.plot(x, y, "o", ms=5, mfc="none", mec="0.5")
        axes.annotate("", (x + dx, y + dy), (x, y), arrowprops={"arrowstyle": "->", "lw": 0.8})
        axes.plot(x + dx, y + dy, "k.", ms=5)
    figure.savefig(out, bbox_inches="tight")


def deformable(name, call, box, moves, samples, centered, planes, out):
    figure, axes = canvas(f"{name}: bins moved by their offsets, three shown")
    for (i, j), colors in zip(BINS, COLOURS):
        paint(axes, weights(call, planes, (0, 0, i, j)).sum(0), colors)
        points(axes, box, (i, j), samples, centered, move=moves[:, i, j].tolist())
    bins(axes, box, moves=moves)
    figure.savefig(out, bbox_inches="tight")


def nms(out):
    figure, axes = canvas("nms at 0.5: kept (blue) and suppressed (gray)")
    torch.manual_seed(1)
    center = torch.tensor([[3.0, 3.0], [9.0, 4.0], [5.0, 7.5]]).repeat_interleave(4, 0)
    corner = center - 1.6 + torch.randn(12, 2) * 0.45
    boxes, scores = torch.cat([corner, corner + 3.2 + torch.randn(12, 2) * 0.3], 1), torch.rand(12)
    kept = set(lanner.ops.nms(boxes, scores, 0.5).tolist())
    for k, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        color = "tab:blue" if k in kept else "0.65"
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=color, lw=1.2))
        axes.text(x1 + 0.05, y1 + 0.45, f"{scores[k]:.2f}", fontsize=6, color=color)
    figure.savefig(out, bbox_inches="tight")


def main():
    out = pathlib.Path(sys.argv[1])
    ops = lanner.ops
    roi_pool(out / "roi_pool.png")
    roi_align(out / "roi_align.png")
    # This rule rounds a RoI before it is scaled and ends it a pixel later: 8 pixels to a cell.
    x1, y1, x2, y2 = (round(v * 8) for v in ROI)
    pixels = rois((x1, y1, x2, y2))
    position_sensitive(
        "ps_roi_pool (original)",
        lambda x: ops.ps_roi_pool(x, pixels, 3, 1 / 8, original=True),
        [v / 8 - 0.5 for v in (x1, y1, x2 + 1, y2 + 1)],
        0,
        out / "ps_roi_pool.png",
    )
    box = [v - 0.5 for v in ROI]
    position_sensitive(
        "ps_roi_align",
        lambda x: ops.ps_roi_align(x, rois(ROI), 3, 1, 2),
        box,
        2,
        out / "ps_roi_align.png",
    )
    deform_conv2d(out / "deform_conv2d.png")
    torch.manual_seed(6)
    offset = torch.randn(1, 2, 3, 3, dtype=torch.float64) / 2
    sides = torch.tensor([box[2] - box[0], box[3] - box[1]]).view(2, 1, 1)
    deformable(
        "deform_roi_pool",
        lambda x: ops.deform_roi_pool(x, rois(ROI), offset, 3, 1, 2, 0.1),
        box,
        offset[0] * 0.1 * sides,
        2,
        True,
        1,
        out / "deform_roi_pool.png",
    )
    box = [v / 8 - 0.5 for v in (x1, y1, x2 + 1, y2 + 1)]
    sides = torch.tensor([box[2] - box[0], box[3] - box[1]]).view(2, 1, 1)
    deformable(
        "deform_ps_roi_pool",
        lambda x: ops.deform_ps_roi_pool(x, pixels, offset, 3, 3, 1 / 8, 4, 0.1),
        box,
        offset[0] * 0.1 * sides,
        4,
        False,
        9,
        out / "deform_ps_roi_pool.png",
    )
    nms(out / "nms.png")


if __name__ == "__main__":
    main()
