"""torchvision's Faster R-CNN with torchvision's operators, then with ours: the same detections?

    build/venv/bin/python benchmarks/swap_torchvision.py

The weights are random (nothing is downloaded): ResNet-50-FPN, 21 classes, an image of 800 x 1088.
"""

import statistics
import time

import torch
import torchvision

import lanner


def swap():
    """All that a program replaces; returns what puts torchvision's operators back."""
    places = [
        (torchvision.ops.poolers, "roi_align", lanner.ops.roi_align),
        (torchvision.ops.boxes, "nms", lanner.ops.nms),
        (torchvision.ops.boxes, "batched_nms", lanner.ops.batched_nms),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in places]
    for module, name, op in places:
        setattr(module, name, op)
    return lambda: [setattr(module, name, op) for module, name, op in before]


def seconds(job):
    begin = time.perf_counter()
    result = job()
    return time.perf_counter() - begin, result


def compare(name, job, runs):
    """Interleaved; returns what the job gave with either's operators."""
    job()  # warm
    theirs, ours = [], []
    for _ in range(runs):
        theirs.append(seconds(job))
        put_back = swap()
        ours.append(seconds(job))
        put_back()
    a, b = (statistics.median(t for t, _ in runs) for runs in (theirs, ours))
    ratio = statistics.median(t / o for (t, _), (o, _) in zip(theirs, ours))
    print(f"{name:28} torchvision's operators {a:6.2f} s   lanner's {b:6.2f} s   {ratio:.2f}x")
    return theirs[0][1], ours[0][1]


def main():
    torch.manual_seed(0)
    model = torchvision.models.detection.fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=21
    )
    image = torch.rand(3, 800, 1088)
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")

    model.eval()
    with torch.inference_mode():
        theirs, ours = (found[0] for found in compare("detect", lambda: model([image]), 5))
    # Random weights give scores that differ in the seventh digit: neighbours may change places.
    rows = [
        torch.cat([d["labels"][:, None] * 1e4, d["boxes"], d["scores"][:, None]], 1)
        for d in (theirs, ours)
    ]
    nearest = torch.cdist(*rows, p=float("inf"), compute_mode="donot_use_mm_for_euclid_dist")
    partner = nearest.argmin(1)
    assert sorted(partner.tolist()) == list(range(len(ours["boxes"])))
    difference = (rows[1][partner] - rows[0]).abs().max(0).values
    assert difference[0] == 0 and difference[1:5].max() < 1e-2 and difference[5] < 1e-5
    print(
        f"the same {len(partner)} detections: labels; boxes to {difference[1:5].max():.1g} px, "
        f"scores to {difference[5]:.1g}"
    )

    model.train()
    corner = torch.rand(12, 2) * 500
    boxes = torch.cat([corner, corner + 40 + torch.rand(12, 2) * 200], 1)
    target = {"boxes": boxes, "labels": torch.randint(1, 21, (12,))}

    def step():
        torch.manual_seed(1)  # the samples of RPN and box head
        model.zero_grad()
        loss = sum(model([image], [target]).values())
        loss.backward()
        return loss.item()

    theirs, ours = compare("training step, one image", step, 3)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    print(f"the same loss: {theirs:.6f}, {ours:.6f}")


if __name__ == "__main__":
    main()
