"""Times on this machine, beside what is installed to compare with.

    python -m lanner.bench ops [--device D] [--threads N] [--runs N] [--json FILE]
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

try:
    import torchvision
except ImportError:
    torchvision = None


class Row(NamedTuple):
    name: str
    ours: Callable[[], object]
    theirs: Optional[Callable[[], object]]


def boxes_at(corner: torch.Tensor, sides: torch.Tensor) -> torch.Tensor:
    return torch.cat([corner, corner + sides], 1)


def forward(name: str, op: str, ours: tuple, theirs: Optional[tuple] = None) -> Row:
    def call(module, arguments):
        with torch.no_grad():
            getattr(module, op)(*arguments)

    known = torchvision is not None and hasattr(torchvision.ops, op)
    return Row(
        name,
        lambda: call(lanner.ops, ours),
        (lambda: call(torchvision.ops, theirs or ours)) if known else None,
    )


def backward(name: str, op: str, arguments: tuple, leaves: tuple[int, ...] = (0,)) -> Row:
    arguments = list(arguments)
    for i in leaves:
        arguments[i] = arguments[i].detach().clone().requires_grad_()
    inputs = [arguments[i] for i in leaves]

    def gradient(module):
        if module is None or not hasattr(module, op):
            return None
        out = getattr(module, op)(*arguments)
        grad = torch.ones_like(out)
        return lambda: torch.autograd.grad(out, inputs, grad, retain_graph=True)

    return Row(name, gradient(lanner.ops), gradient(torchvision and torchvision.ops))


def rows() -> Iterator[Row]:
    torch.manual_seed(0)
    features, maps = torch.randn(1, 256, 50, 68), torch.randn(1, 21 * 49, 50, 68)
    sides = torch.rand(1000, 2) * 240 + 60  # mean 180 pixels
    corner = torch.rand(1000, 2) * torch.tensor([1088.0, 800.0]) - sides / 2
    rois = torch.cat([torch.zeros(1000, 1), boxes_at(corner, sides)], 1)
    fewer, offset = rois[:512], torch.randn(1000, 2, 7, 7)
    scale = 1 / 16
    for op, x, rest in (
        ("roi_align", features, (7, scale, 2)),
        ("roi_pool", features, (7, scale)),
        ("ps_roi_pool", maps, (7, scale)),
        ("ps_roi_align", maps, (7, scale, 2)),
    ):
        yield forward(f"{op} forward, 1000 RoIs", op, (x, rois, *rest))
        yield backward(f"{op} backward, 512 RoIs", op, (x, fewer, *rest))
    for op, x, rest in (
        ("deform_roi_pool", features, (7, scale, 2)),
        ("deform_ps_roi_pool", maps, (7, 7, scale, 4)),
    ):
        yield forward(f"{op} forward, 1000 RoIs", op, (x, rois, offset, *rest))
        yield backward(f"{op} backward, 512 RoIs", op, (x, fewer, offset[:512], *rest), (0, 2))
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
        boxes = boxes_at(torch.rand(count, 2) * 1000, torch.rand(count, 2) * 100 + 10)
        yield forward(
            f"nms, {count} spread boxes at 0.7", "nms", (boxes, torch.rand(count), 0.7)
        )
    centres = (torch.rand(500, 2) * 1000)[torch.randint(500, (12000,))]
    corner = centres + torch.randn(12000, 2) * 10
    boxes = boxes_at(corner, 60 + torch.randn(12000, 2) * 10)
    yield forward(
        "nms, 12000 boxes in 500 clusters at 0.5", "nms", (boxes, torch.rand(12000), 0.5)
    )


def milliseconds(job: Callable[[], object], device: str) -> float:
    cuda = torch.device(device).type == "cuda"
    times = 20 if cuda else 1  # of a GPU one call is too short to time
    begin = time.perf_counter()
    for _ in range(times):
        job()
    if cuda:
        torch.cuda.synchronize(device)
    return (time.perf_counter() - begin) * 1e3 / times


def bench_ops(runs: int = 7, device: str = "cpu") -> dict:
    """Prints the table, ours and torchvision's interleaved, and returns its numbers."""
    missing = "" if torchvision else "; torchvision is not installed"
    capability = torch.backends.cpu.get_cpu_capability()
    if torch.device(device).type == "cuda":
        print(f"{torch.cuda.get_device_name(device)}{missing}")
    else:
        print(f"{torch.get_num_threads()} threads, {capability}{missing}")
    print(f"{'':50} {'lanner ms':>10} {'torchvision ms':>14} {'ratio':>8}")
    table = []
    with torch.device(device):
        drawn = list(rows())
    for row in drawn:
        jobs = [row.ours, row.theirs or (lambda: None)]
        for job in jobs:
            job()  # warm
        times = [[milliseconds(job, device) for job in jobs] for _ in range(runs)]
        mine, other = (statistics.median(t) for t in zip(*times))
        entry = {"name": row.name, "lanner_ms": mine}
        if row.theirs:
            entry["torchvision_ms"] = other
            entry["ratio"] = statistics.median(b / a for a, b in times)
            print(f"{row.name:50} {mine:10.2f} {other:14.2f} {entry['ratio']:7.1f}x", flush=True)
        else:
            print(f"{row.name:50} {mine:10.2f} {'-':>14} {'-':>8}", flush=True)
        table.append(entry)
    return {
        "device": device,
        "threads": torch.get_num_threads(),
        "cpu_capability": capability,
        "rows": table,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lanner.bench", description=__doc__)
    parser.add_argument("what", choices=["ops"])
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, help="threads of torch")
    parser.add_argument("--runs", type=int, default=7, help="the median is shown")
    parser.add_argument("--json", type=pathlib.Path, help="file to write the numbers to")
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
    result = bench_ops(arguments.runs, arguments.device)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
