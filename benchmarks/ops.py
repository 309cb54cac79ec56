"""The operators beside torchvision's, interleaved in one run: milliseconds and ratio.

    make bench          or          build/venv/bin/python benchmarks/ops.py
"""

import statistics
import time

import torch
import torchvision

import lanner


def seconds(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def compare(name, ours, theirs, runs=7):
    ours(), theirs()  # warm
    times = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    mine, other = (statistics.median(t) * 1e3 for t in zip(*times))
    ratio = statistics.median(b / a for a, b in times)
    print(f"{name:38} {mine:10.2f} {other:14.2f} {ratio:7.1f}x")


def main():
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    print(f"{'':38} {'lanner ms':>10} {'torchvision ms':>14} {'ratio':>8}")
    torch.manual_seed(0)
    features = torch.randn(1, 256, 50, 68)
    centre = torch.rand(1000, 2) * torch.tensor([1088.0, 800.0])
    size = torch.rand(1000, 2) * 240 + 60  # mean 180 pixels
    rois = torch.cat([torch.zeros(1000, 1), centre - size / 2, centre + size / 2], 1)
    arguments = (rois, 7, 1 / 16, 2)
    compare(
        "roi_align forward, 1000 RoIs",
        lambda: lanner.ops.roi_align(features, *arguments),
        lambda: torchvision.ops.roi_align(features, *arguments),
    )
    for_grad = features.clone().requires_grad_()
    arguments = (rois[:512], 7, 1 / 16, 2)
    outputs = [op(for_grad, *arguments) for op in (lanner.ops.roi_align, torchvision.ops.roi_align)]
    grad = torch.randn_like(outputs[0])

    def backward(output):
        return lambda: torch.autograd.grad(output, for_grad, grad, retain_graph=True)

    compare("roi_align backward, 512 RoIs", *map(backward, outputs))
    pooling = (rois, 7, 1 / 16)
    compare(
        "roi_pool forward, 1000 RoIs",
        lambda: lanner.ops.roi_pool(features, *pooling),
        lambda: torchvision.ops.roi_pool(features, *pooling),
    )
    maps = torch.randn(1, 21 * 49, 50, 68)
    compare(
        "ps_roi_pool forward, 21 x 49 channels",
        lambda: lanner.ops.ps_roi_pool(maps, *pooling),
        lambda: torchvision.ops.ps_roi_pool(maps, *pooling),
    )
    compare(
        "ps_roi_align forward, 21 x 49 channels",
        lambda: lanner.ops.ps_roi_align(maps, *pooling, 2),
        lambda: torchvision.ops.ps_roi_align(maps, *pooling, 2),
    )
    for count in (6000, 12000):
        corner = torch.rand(count, 2) * 1000
        boxes = torch.cat([corner, corner + torch.rand(count, 2) * 100 + 10], 1)
        scores = torch.rand(count)
        compare(
            f"nms, {count} spread boxes at 0.7",
            lambda: lanner.ops.nms(boxes, scores, 0.7),
            lambda: torchvision.ops.nms(boxes, scores, 0.7),
        )


if __name__ == "__main__":
    main()
