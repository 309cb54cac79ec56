"""Times the operators or detection on this machine, next to other libraries where installed.

    python -m lanner.bench ops [--device D] [--threads N] [--runs N] [--json FILE]
    python -m lanner.bench detect [--weights W] [--images DIR] [--height H] [--width W] ..
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import statistics
import time
from typing import Callable, Iterator, NamedTuple, Optional

import torch

import lanner
from lanner.bench_detect import bench_detect

try:
    import torchvision
except ImportError:
    torchvision = None


class Row(NamedTuple):
    """A line of the table: what is timed, and the same job by each library."""

    name: str
    lanner: Callable[[], object]
    torchvision: Optional[Callable[[], object]]


def make_boxes(corners: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    return torch.cat([corners, corners + sizes], 1)


def forward(name: str, op: str, arguments: tuple) -> Row:
    def call(module):
        with torch.no_grad():
            getattr(module, op)(*arguments)

    has_reference = torchvision is not None and hasattr(torchvision.ops, op)
    return Row(
        name,
        lambda: call(lanner.ops),
        (lambda: call(torchvision.ops)) if has_reference else None,
    )


def backward(name: str, op: str, arguments: tuple, leaves: tuple[int, ...] = (0,)) -> Row:
    arguments = list(arguments)
    for i in leaves:
        arguments[i] = arguments[i].detach().clone().requires_grad_()
    inputs = [arguments[i] for i in leaves]

    def gradient(module):
        if module is None or not hasattr(module, op):
            return None
        output = getattr(module, op)(*arguments)
        grad = torch.ones_like(output)
        return lambda: torch.autograd.grad(output, inputs, grad, retain_graph=True)

    return Row(name, gradient(lanner.ops), gradient(torchvision and torchvision.ops))


def rows() -> Iterator[Row]:
    torch.manual_seed(0)
    features, maps = torch.randn(1, 256, 50, 68), torch.randn(1, 21 * 49, 50, 68)
    sizes = torch.rand(1000, 2) * 240 + 60  # 180 pixels on average
    corners = torch.rand(1000, 2) * torch.tensor([1088.0, 800.0]) - sizes / 2
    rois = torch.cat([torch.zeros(1000, 1), make_boxes(corners, sizes)], 1)
    train_rois, offset = rois[:512], torch.randn(1000, 2, 7, 7)
    scale = 1 / 16
    for op, x, rest in (
        ("roi_align", features, (7, scale, 2)),
        ("roi_pool", features, (7, scale)),
        ("ps_roi_pool", maps, (7, scale)),
        ("ps_roi_align", maps, (7, scale, 2)),
    ):
        yield forward(f"{op} forward, 1000 RoIs", op, (x, rois, *rest))
        yield backward(f"{op} backward, 512 RoIs", op, (x, train_rois, *rest))
    for op, x, rest in (
        ("deform_roi_pool", features, (7, scale, 2)),
        ("deform_ps_roi_pool", maps, (7, 7, scale, 4)),
    ):
        yield forward(f"{op} forward, 1000 RoIs", op, (x, rois, offset, *rest))
        arguments = (x, train_rois, offset[:512], *rest)
        yield backward(f"{op} backward, 512 RoIs", op, arguments, (0, 2))
    convolution = (
        torch.randn(1, 256, 50, 68),
        torch.randn(1, 18, 50, 68) * 2,
        torch.randn(256, 256, 3, 3),
        None,
        1,
        1,
    )
    size = "256 -> 256, 3x3 on 50x68"
    yield forward(f"deform_conv2d forward, {size}", "deform_conv2d", convolution)
    yield backward(f"deform_conv2d backward, {size}", "deform_conv2d", convolution, (0, 1, 2))
    for count in (6000, 12000):
        boxes = make_boxes(torch.rand(count, 2) * 1000, torch.rand(count, 2) * 100 + 10)
        yield forward(
            f"nms, {count} spread boxes at 0.7", "nms", (boxes, torch.rand(count), 0.7)
        )
    centers = (torch.rand(500, 2) * 1000)[torch.randint(500, (12000,))]
    corners = centers + torch.randn(12000, 2) * 10
    boxes = make_boxes(corners, 60 + torch.randn(12000, 2) * 10)
    yield forward(
        "nms, 12000 boxes in 500 clusters at 0.5", "nms", (boxes, torch.rand(12000), 0.5)
    )


def milliseconds(job: Callable[[], object], device: str) -> float:
    cuda = torch.device(device).type == "cuda"
    repeats = 20 if cuda else 1  # a single call on a GPU is too short to time
    start = time.perf_counter()
    for _ in range(repeats):
        job()
    if cuda:
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) * 1e3 / repeats


def bench_ops(runs: int = 7, device: str = "cpu") -> dict:
    """Times all operators, prints a table and returns its numbers.

    Calls of both libraries are interleaved. runs: the number of timings, of which the median is
    shown. device: "cpu", "cuda" or "cuda:N".
    """
    missing = "" if torchvision else "; torchvision is not installed"
    capability = torch.backends.cpu.get_cpu_capability()
    if torch.device(device).type == "cuda":
        print(f"{torch.cuda.get_device_name(device)}{missing}")
    else:
        print(f"{torch.get_num_threads()} threads, {capability}{missing}")
    print(f"{'':50} {'lanner ms':>10} {'torchvision ms':>14} {'ratio':>8}")
    table = []
    with torch.device(device):
        all_rows = list(rows())
    for row in all_rows:
        jobs = [row.lanner, row.torchvision or (lambda: None)]
        for job in jobs:
            job()  # warm-up
        times = [[milliseconds(job, device) for job in jobs] for _ in range(runs)]
        lanner_ms, torchvision_ms = (statistics.median(t) for t in zip(*times))
        entry = {"name": row.name, "lanner_ms": lanner_ms}
        text = f"{row.name:50} {lanner_ms:10.2f}"
        if row.torchvision:
            entry["torchvision_ms"] = torchvision_ms
            entry["ratio"] = statistics.median(b / a for a, b in times)
            print(f"{text} {torchvision_ms:14.2f} {entry['ratio']:7.1f}x", flush=True)
        else:
            print(f"{text} {'-':>14} {'-':>8}", flush=True)
        table.append(entry)
    return {
        "device": device,
        "threads": torch.get_num_threads(),
        "cpu_capability": capability,
        "rows": table,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lanner.bench", description=__doc__)
    parser.add_argument("what", choices=["ops", "detect"], help="what is timed")
    parser.add_argument("--device", default="cpu", help="ops: cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, help="number of threads; default: torch's")
    parser.add_argument("--runs", type=int, default=7, help="repetitions; the median is shown")
    parser.add_argument("--json", type=pathlib.Path, help="file for the numbers")
    parser.add_argument("--weights", type=pathlib.Path, help="detect: a detector; default: random")
    parser.add_argument("--images", type=pathlib.Path, help="detect: int8 is calibrated on them")
    parser.add_argument("--height", type=int, default=800, help="detect: of the image")
    parser.add_argument("--width", type=int, default=1088, help="detect: of the image")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error(f"--runs: expected a positive number, got {arguments.runs}")
    if arguments.threads is not None:
        if arguments.threads < 1:
            parser.error(f"--threads: expected a positive number, got {arguments.threads}")
        torch.set_num_threads(arguments.threads)
    if not re.fullmatch("cpu|cuda(:[0-9]+)?", arguments.device):
        parser.error(f"--device: expected cpu, cuda or cuda:N, got {arguments.device}")
    number = int(arguments.device.partition(":")[2] or 0)
    if arguments.device != "cpu" and number >= torch.cuda.device_count():
        parser.error(f"--device: {arguments.device}: there is no such GPU here")
    if arguments.what == "ops":
        result = bench_ops(arguments.runs, arguments.device)
    else:
        arguments.threads = torch.get_num_threads()
        result = bench_detect(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
