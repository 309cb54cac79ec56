"""Boxes, suppression and the pyramid's RoIAlign, against torchvision and definitions."""

import math

import pytest
import torch
import torchvision
from torchvision.models.detection._utils import BoxCoder

import lanner


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def boxes_of(count, generator, extent=100.0, sides=50.0):
    corner = torch.rand(count, 2, generator=generator) * extent
    return torch.cat([corner, corner + torch.rand(count, 2, generator=generator) * sides + 1], 1)


def clusters(count, generator):
    centre = torch.rand(40, 2, generator=generator) * 900
    corner = centre[torch.randint(40, (count,), generator=generator)]
    corner = corner + torch.randn(count, 2, generator=generator) * 6
    sides = 60 + torch.randn(count, 2, generator=generator) * 6
    return torch.cat([corner, corner + sides], 1)


def of_all_sizes(count, generator):
    corner = torch.rand(count, 2, generator=generator) * 1000
    sides = torch.exp(torch.rand(count, 2, generator=generator) * 9 - 2)
    return torch.cat([corner, corner + sides], 1)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.3, 0.49, 0.5, 0.51, 0.7, 0.9, 0.97, 0.999, 1.0])
@pytest.mark.parametrize("make", [clusters, of_all_sizes, boxes_of])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nms_of_many_boxes_is_torchvisions(make, threshold, dtype, generator):
    boxes = make(4000, generator).to(dtype)
    scores = (torch.rand(4000, generator=generator, dtype=dtype) * 500).round()  # with ties
    expected = torchvision.ops.nms(boxes, scores, threshold)
    assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1.0, 1e6, 1e14, 1e20, 1e38])
@pytest.mark.parametrize("shift", [0.0, 1e4, 1e7])
def test_nms_of_tiny_vast_and_distant_boxes_is_torchvisions(scale, shift, generator):
    boxes = (of_all_sizes(800, generator) + shift) * scale
    scores = torch.rand(800, generator=generator)
    for threshold in (0.3, 0.5, 0.75):
        expected = torchvision.ops.nms(boxes, scores, threshold)
        assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


def test_nms_of_boxes_inverted_empty_endless_or_not_numbers_is_torchvisions(generator):
    boxes = torch.randn(600, 4, generator=generator) * 10  # half of them inverted
    boxes[::7, 2:] = boxes[::7, :2]
    scores = torch.rand(600, generator=generator)
    scores[::11] = float("nan")
    scores[::13] = 0.0
    scores[::26] = -0.0
    for threshold in (-0.5, 0.0, 0.3, 0.6, float("nan")):
        expected = torchvision.ops.nms(boxes, scores, threshold)
        assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)
    boxes[::17] = float("inf")
    boxes[::19, 0] = float("nan")
    boxes[::23] = 1e30
    for threshold in (0.3, 0.6):
        expected = torchvision.ops.nms(boxes, scores, threshold)
        assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


def naive_soft_nms(boxes, scores, method, threshold, sigma, min_score):
    scores, left, kept = scores.clone(), list(range(len(boxes))), []
    while left:
        best = max(left, key=lambda i: (scores[i].item(), -i))
        left.remove(best)
        if scores[best] < min_score:
            continue
        kept.append((best, scores[best].item()))
        for i in left:
            overlap = torchvision.ops.box_iou(boxes[best : best + 1], boxes[i : i + 1]).item()
            if method == "gaussian":
                scores[i] *= math.exp(-(overlap**2) / sigma)
            elif overlap >= threshold:
                scores[i] *= 1 - overlap if method == "linear" else 0
        left = [i for i in left if scores[i] >= min_score]
    return kept


@pytest.mark.parametrize("method", ["linear", "gaussian", "naive"])
def test_soft_nms_is_its_definition(method, generator):
    boxes, scores = boxes_of(60, generator), torch.rand(60, generator=generator)
    expected = naive_soft_nms(boxes, scores, method, 0.3, 0.5, 0.05)
    kept, fallen = lanner.ops.soft_nms(boxes, scores, 0.3, 0.5, 0.05, method)
    assert kept.tolist() == [i for i, _ in expected]
    assert fallen.tolist() == pytest.approx([s for _, s in expected], abs=1e-5)
    assert lanner.ops.soft_nms(boxes[:0], scores[:0])[0].numel() == 0
    with pytest.raises(RuntimeError, match='soft_nms: method: expected linear, .* got "hard"'):
        lanner.ops.soft_nms(boxes, scores, method="hard")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int32])
def test_box_functions_are_torchvisions(dtype, generator):
    ours, theirs = lanner.ops, torchvision.ops
    a, b = boxes_of(20, generator).to(dtype), boxes_of(30, generator).to(dtype)
    for name in ("box_iou", "generalized_box_iou"):
        found, expected = getattr(ours, name)(a, b), getattr(theirs, name)(a, b)
        # torchvision takes the overlap's sides in sixteen bits
        tolerance = 1e-3 if dtype == torch.float16 else 1e-6
        assert torch.allclose(found.float(), expected.float(), atol=tolerance), name
    assert torch.equal(ours.box_area(a), theirs.box_area(a))
    assert torch.equal(ours.remove_small_boxes(a, 20), theirs.remove_small_boxes(a, 20))
    cut = ours.clip_boxes_to_image(a, (50, 60))
    assert torch.equal(cut, theirs.clip_boxes_to_image(a, (50, 60)))
    if dtype == torch.float32:
        for reduction in ("none", "mean", "sum"):
            found = ours.generalized_box_iou_loss(a, b[:20], reduction)
            expected = theirs.generalized_box_iou_loss(a, b[:20], reduction)
            assert torch.allclose(found, expected)
        for to in ("xyxy", "xywh", "cxcywh"):
            for of in ("xyxy", "xywh", "cxcywh"):
                assert torch.allclose(ours.box_convert(a, of, to), theirs.box_convert(a, of, to))
    with pytest.raises(RuntimeError, match=r"box_iou: boxes2: expected \[N, 4\], got \[3, 5\]"):
        ours.box_iou(a, torch.zeros(3, 5))


def test_box_iou_has_gradients(generator):
    a, b = (boxes_of(4, generator).double().requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lanner.ops.box_iou, (a, b))
    assert torch.autograd.gradcheck(lanner.ops.generalized_box_iou, (a, b))


def test_the_box_coder_is_torchvisions(generator):
    weights = (10.0, 10.0, 5.0, 5.0)
    theirs, ours = BoxCoder(weights), lanner.ops.BoxCoder(weights)
    boxes, references = boxes_of(20, generator), boxes_of(20, generator)
    targets = ours.encode(boxes, references)
    assert torch.allclose(targets, theirs.encode_single(boxes, references), atol=1e-5)
    deltas = torch.randn(20, 12, generator=generator)
    found = ours.decode(deltas, references)
    assert torch.allclose(found.flatten(1), theirs.decode_single(deltas, references), atol=1e-3)


def test_multi_scale_roi_align_is_torchvisions(generator):
    maps = {
        name: torch.randn(2, 6, 64 >> level, 80 >> level, generator=generator, requires_grad=True)
        for level, name in enumerate(["0", "1", "2", "3", "pool"])
    }
    boxes = [of_all_sizes(40, generator) / 4, of_all_sizes(30, generator) / 4]
    shapes = [(250, 310), (256, 320)]
    arguments = (["0", "1", "2", "3"], 7, 2)
    ours = lanner.ops.MultiScaleRoIAlign(*arguments)
    theirs = torchvision.ops.MultiScaleRoIAlign(*arguments)
    found, expected = ours(maps, boxes, shapes), theirs(maps, boxes, shapes)
    assert torch.allclose(found, expected, atol=1e-5)
    grad = torch.randn(found.shape, generator=generator)
    leaves = [maps[name] for name in arguments[0]]
    for a, b in zip(
        torch.autograd.grad(found, leaves, grad), torch.autograd.grad(expected, leaves, grad)
    ):
        assert torch.allclose(a, b, atol=1e-4)
    with pytest.raises(ValueError, match=r"x: none of \['p2'\]"):
        lanner.ops.MultiScaleRoIAlign(["p2"], 7, 2)(maps, boxes, shapes)


def test_opcheck_of_suppression(generator):
    boxes, scores = boxes_of(9, generator), torch.rand(9, generator=generator)
    classes = torch.randint(3, (9,), generator=generator)
    for op, arguments in (
        (torch.ops.lanner.nms, (boxes, scores, 0.5)),
        (torch.ops.lanner.batched_nms, (boxes, scores, classes, 0.5)),
        (torch.ops.lanner.soft_nms, (boxes, scores, "linear", 0.3, 0.5, 0.01)),
        (torch.ops.lanner.box_iou, (boxes, boxes)),
        (torch.ops.lanner.generalized_box_iou, (boxes, boxes)),
        (torch.ops.lanner.encode_boxes, (boxes, boxes, 1.0, 1.0, 1.0, 1.0)),
        (torch.ops.lanner.decode_boxes, (boxes, boxes, 1.0, 1.0, 1.0, 1.0)),
    ):
        torch.library.opcheck(op.default, arguments)


def test_nms_at_0_keeps_boxes_that_do_not_touch_whatever_becomes_of_denormals():
    boxes = torch.tensor([[0.0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]])
    torch.set_flush_denormal(True)
    try:
        assert len(lanner.ops.nms(boxes, torch.tensor([3.0, 2, 1]), 0.0)) == 3
    finally:
        torch.set_flush_denormal(False)


def test_nms_among_ordinary_and_odd_boxes_is_torchvisions(generator):
    boxes = of_all_sizes(3000, generator)
    boxes[::97] = torch.tensor([1000.0, 1000.0, 1000.0005, 1000.0005])
    boxes[5::101, 0] = float("nan")
    boxes[7::103, 2] = float("inf")
    scores = torch.rand(3000, generator=generator)
    for threshold in (0.3, 0.6):
        expected = torchvision.ops.nms(boxes, scores, threshold)
        assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


def test_nms_under_autocast_keeps_the_precision_of_doubles():
    boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 10 + 1e-9]], dtype=torch.float64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert len(lanner.ops.nms(boxes, torch.tensor([2.0, 1.0]).double(), 1 - 5e-11)) == 2


def test_soft_nms_leaves_boxes_without_area_alone_and_has_no_gradient():
    boxes = torch.tensor([[5.0, 5, 5, 5], [7, 7, 7, 7], [0, 0, 1, 1]])
    scores = torch.tensor([0.9, 0.8, 0.7], requires_grad=True)
    for method in ("linear", "gaussian", "naive"):
        kept, fallen = lanner.ops.soft_nms(boxes, scores, method=method)
        assert kept.tolist() == [0, 1, 2] and not fallen.requires_grad
