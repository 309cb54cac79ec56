"""Runs torchvision's Faster R-CNN with torchvision's and with lanner's operators.

    build/venv/bin/python benchmarks/swap_torchvision.py

Checks that detections and losses are the same, and prints times. ResNet-50-FPN with random weights
(nothing is downloaded), 21 classes, an image of 800 x 1088.
"""

import statistics
import time

import torch
import torchvision

import lanner


def use_lanner_operators():
    """Makes torchvision use lanner's operators. Returns a function that restores its own."""
    replacements = [
        (torchvision.ops.poolers, "roi_align", lanner.ops.roi_align),
        (torchvision.ops.boxes, "nms", lanner.ops.nms),
        (torchvision.ops.boxes, "batched_nms", lanner.ops.batched_nms),
    ]
    originals = [(module, name, getattr(module, name)) for module, name, _ in replacements]
    for module, name, op in replacements:
        setattr(module, name, op)
    return lambda: [setattr(module, name, op) for module, name, op in originals]


def timed(function):
    """Calls the function. Returns the time in seconds and the result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def compare(name, function, runs):
    """Times the function with each library's operators in turn. Returns one result for each."""
    function()  # warm-up
    reference, swapped = [], []
    for _ in range(runs):
        reference.append(timed(function))
        restore = use_lanner_operators()
        swapped.append(timed(function))
        restore()
    a, b = (statistics.median(t for t, _ in results) for results in (reference, swapped))
    ratio = statistics.median(t / s for (t, _), (s, _) in zip(reference, swapped))
    print(f"{name:28} torchvision's operators {a:6.2f} s   lanner's {b:6.2f} s   {ratio:.2f}x")
    return reference[0][1], swapped[0][1]


def main():
    torch.manual_seed(0)
    model = torchvision.models.detection.fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=21
    )
    image = torch.rand(3, 800, 1088)
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")

    model.eval()
    with torch.inference_mode():
        expected, result = (found[0] for found in compare("detect", lambda: model([image]), 5))
    # Random weights give nearly equal scores (to six digits), so rounding may reorder detections.
    rows = [
        torch.cat([d["labels"][:, None] * 1e4, d["boxes"], d["scores"][:, None]], 1)
        for d in (expected, result)
    ]
    distance = torch.cdist(*rows, p=float("inf"), compute_mode="donot_use_mm_for_euclid_dist")
    match = distance.argmin(1)
    assert sorted(match.tolist()) == list(range(len(result["boxes"])))
    difference = (rows[1][match] - rows[0]).abs().max(0).values
    assert difference[0] == 0 and difference[1:5].max() < 1e-2 and difference[5] < 1e-5
    print(
        f"the same {len(match)} detections: equal labels, boxes within "
        f"{difference[1:5].max():.1g} px, scores within {difference[5]:.1g}"
    )

    model.train()
    corners = torch.rand(12, 2) * 500
    boxes = torch.cat([corners, corners + 40 + torch.rand(12, 2) * 200], 1)
    target = {"boxes": boxes, "labels": torch.randint(1, 21, (12,))}

    def step():
        torch.manual_seed(1)  # for the sampling in RPN and box head
        model.zero_grad()
        loss = sum(model([image], [target]).values())
        loss.backward()
        return loss.item()

    expected, result = compare("training step, one image", step, 3)
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-4)
    print(f"the same loss: {expected:.6f}, {result:.6f}")


if __name__ == "__main__":
    main()
