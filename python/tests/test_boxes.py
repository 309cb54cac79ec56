"""Box operators, NMS and MultiScaleRoIAlign against torchvision and naive references."""

import itertools
import math

import pytest
import torch
import torchvision
from torchvision.models.detection._utils import BoxCoder

import lanner


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def random_boxes(count, generator, extent=100.0, sides=50.0):
    corners = torch.rand(count, 2, generator=generator) * extent
    return torch.cat([corners, corners + torch.rand(count, 2, generator=generator) * sides + 1], 1)


def clustered_boxes(count, generator):
    center = torch.rand(40, 2, generator=generator) * 900
    corner = center[torch.randint(40, (count,), generator=generator)]
    corner = corner + torch.randn(count, 2, generator=generator) * 6
    sides = 60 + torch.randn(count, 2, generator=generator) * 6
    return torch.cat([corner, corner + sides], 1)


def boxes_of_all_sizes(count, generator):
    corner = torch.rand(count, 2, generator=generator) * 1000
    sides = torch.exp(torch.rand(count, 2, generator=generator) * 9 - 2)
    return torch.cat([corner, corner + sides], 1)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.3, 0.49, 0.5, 0.51, 0.7, 0.9, 0.97, 0.999, 1.0])
@pytest.mark.parametrize("make", [clustered_boxes, boxes_of_all_sizes, random_boxes])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nms_matches_torchvision_on_many_boxes(make, threshold, dtype, generator):
    boxes = make(4000, generator).to(dtype)
    scores = (torch.rand(4000, generator=generator, dtype=dtype) * 500).round()  # with ties
    expected = torchvision.ops.nms(boxes, scores, threshold)
    assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1.0, 1e6, 1e14, 1e20, 1e38])
@pytest.mark.parametrize("shift", [0.0, 1e4, 1e7])
def test_nms_matches_torchvision_on_tiny_huge_and_distant_boxes(scale, shift, generator):
    boxes = (boxes_of_all_sizes(800, generator) + shift) * scale
    scores = torch.rand(800, generator=generator)
    for threshold in (0.3, 0.5, 0.75):
        expected = torchvision.ops.nms(boxes, scores, threshold)
        assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


def test_nms_matches_torchvision_on_inverted_empty_and_non_finite_boxes(generator):
    boxes = torch.randn(600, 4, generator=generator) * 10  # many are inverted
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
    scores, remaining, kept = scores.clone(), list(range(len(boxes))), []
    while remaining:
        best = max(remaining, key=lambda i: (scores[i].item(), -i))
        remaining.remove(best)
        if scores[best] < min_score:
            continue
        kept.append((best, scores[best].item()))
        for i in remaining:
            iou = torchvision.ops.box_iou(boxes[best : best + 1], boxes[i : i + 1]).item()
            if method == "gaussian":
                scores[i] *= math.exp(-(iou**2) / sigma)
            elif iou >= threshold:
                scores[i] *= 1 - iou if method == "linear" else 0
        remaining = [i for i in remaining if scores[i] >= min_score]
    return kept


@pytest.mark.parametrize("method", ["linear", "gaussian", "naive"])
def test_soft_nms_matches_the_naive_reference(method, generator):
    boxes, scores = random_boxes(60, generator), torch.rand(60, generator=generator)
    expected = naive_soft_nms(boxes, scores, method, 0.3, 0.5, 0.05)
    kept, lowered = lanner.ops.soft_nms(boxes, scores, 0.3, 0.5, 0.05, method)
    assert kept.tolist() == [i for i, _ in expected]
    assert lowered.tolist() == pytest.approx([s for _, s in expected], abs=1e-5)
    assert lanner.ops.soft_nms(boxes[:0], scores[:0])[0].numel() == 0
    with pytest.raises(RuntimeError, match='soft_nms: method: expected linear, .* got "hard"'):
        lanner.ops.soft_nms(boxes, scores, method="hard")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int32])
def test_box_functions_match_torchvision(dtype, generator):
    ops, reference = lanner.ops, torchvision.ops
    a, b = random_boxes(20, generator).to(dtype), random_boxes(30, generator).to(dtype)
    for name in ("box_iou", "generalized_box_iou"):
        result, expected = getattr(ops, name)(a, b), getattr(reference, name)(a, b)
        # torchvision computes the intersection in float16.
        tolerance = 1e-3 if dtype == torch.float16 else 1e-6
        assert torch.allclose(result.float(), expected.float(), atol=tolerance), name
    assert torch.equal(ops.box_area(a), reference.box_area(a))
    assert torch.equal(ops.remove_small_boxes(a, 20), reference.remove_small_boxes(a, 20))
    clipped = ops.clip_boxes_to_image(a, (50, 60))
    assert torch.equal(clipped, reference.clip_boxes_to_image(a, (50, 60)))
    if dtype == torch.float32:
        for reduction in ("none", "mean", "sum"):
            result = ops.generalized_box_iou_loss(a, b[:20], reduction)
            expected = reference.generalized_box_iou_loss(a, b[:20], reduction)
            assert torch.allclose(result, expected)
        for formats in itertools.product(("xyxy", "xywh", "cxcywh"), repeat=2):
            result = ops.box_convert(a, *formats)
            assert torch.allclose(result, reference.box_convert(a, *formats))
    with pytest.raises(RuntimeError, match=r"boxes2: expected \[..., N, 4\], got \[3, 5\]"):
        ops.box_iou(a, torch.zeros(3, 5))


def test_box_iou_has_gradients(generator):
    a, b = (random_boxes(4, generator).double().requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lanner.ops.box_iou, (a, b))
    assert torch.autograd.gradcheck(lanner.ops.generalized_box_iou, (a, b))


def test_box_coder_matches_torchvision(generator):
    weights = (10.0, 10.0, 5.0, 5.0)
    reference, coder = BoxCoder(weights), lanner.ops.BoxCoder(weights)
    boxes, references = random_boxes(20, generator), random_boxes(20, generator)
    deltas = coder.encode(boxes, references)
    assert torch.allclose(deltas, reference.encode_single(boxes, references), atol=1e-5)
    deltas = torch.randn(20, 12, generator=generator)
    decoded = coder.decode(deltas, references)
    expected = reference.decode_single(deltas, references)
    assert torch.allclose(decoded.flatten(1), expected, atol=1e-3)


def test_multi_scale_roi_align_matches_torchvision(generator):
    maps = {
        name: torch.randn(2, 6, 64 >> level, 80 >> level, generator=generator, requires_grad=True)
        for level, name in enumerate(["0", "1", "2", "3", "pool"])
    }
    boxes = [boxes_of_all_sizes(40, generator) / 4, boxes_of_all_sizes(30, generator) / 4]
    shapes = [(250, 310), (256, 320)]
    arguments = (["0", "1", "2", "3"], 7, 2)
    pool = lanner.ops.MultiScaleRoIAlign(*arguments)
    reference = torchvision.ops.MultiScaleRoIAlign(*arguments)
    pooled, expected = pool(maps, boxes, shapes), reference(maps, boxes, shapes)
    assert torch.allclose(pooled, expected, atol=1e-5)
    grad = torch.randn(pooled.shape, generator=generator)
    leaves = [maps[name] for name in arguments[0]]
    for a, b in zip(
        torch.autograd.grad(pooled, leaves, grad), torch.autograd.grad(expected, leaves, grad)
    ):
        assert torch.allclose(a, b, atol=1e-4)
    with pytest.raises(ValueError, match=r"x: expected some of \['p2'\]"):
        lanner.ops.MultiScaleRoIAlign(["p2"], 7, 2)(maps, boxes, shapes)


def test_opcheck_of_box_operators(generator):
    boxes, scores = random_boxes(9, generator), torch.rand(9, generator=generator)
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


def test_nms_at_threshold_0_keeps_disjoint_boxes_when_denormals_are_flushed():
    boxes = torch.tensor([[0.0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]])
    torch.set_flush_denormal(True)
    try:
        assert len(lanner.ops.nms(boxes, torch.tensor([3.0, 2, 1]), 0.0)) == 3
    finally:
        torch.set_flush_denormal(False)


def test_nms_matches_torchvision_on_a_mix_of_regular_and_degenerate_boxes(generator):
    boxes = boxes_of_all_sizes(3000, generator)
    boxes[::97] = torch.tensor([1000.0, 1000.0, 1000.0005, 1000.0005])
    boxes[5::101, 0] = float("nan")
    boxes[7::103, 2] = float("inf")
    scores = torch.rand(3000, generator=generator)
    for threshold in (0.3, 0.6):
        expected = torchvision.ops.nms(boxes, scores, threshold)
        assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


def test_nms_keeps_float64_precision_under_autocast():
    boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 10 + 1e-9]], dtype=torch.float64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert len(lanner.ops.nms(boxes, torch.tensor([2.0, 1.0]).double(), 1 - 5e-11)) == 2


def test_soft_nms_keeps_scores_of_empty_boxes_and_has_no_gradient():
    boxes = torch.tensor([[5.0, 5, 5, 5], [7, 7, 7, 7], [0, 0, 1, 1]])
    scores = torch.tensor([0.9, 0.8, 0.7], requires_grad=True)
    for method in ("linear", "gaussian", "naive"):
        kept, lowered = lanner.ops.soft_nms(boxes, scores, method=method)
        assert kept.tolist() == [0, 1, 2] and not lowered.requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("autocast", [False, True])
def test_batched_nms_of_16_bits_keeps_boxes_of_other_classes_apart(dtype, autocast):
    one = torch.tensor([[10, 10, 60, 60], [12, 11, 61, 62], [1900, 1000, 1990, 1060]])
    boxes, classes = one.repeat(3, 1).to(dtype), torch.tensor([5, 40, 79]).repeat_interleave(3)
    scores = torch.linspace(0.9, 0.1, 9).to(dtype)
    with torch.autocast("cpu", enabled=autocast):
        kept = lanner.ops.batched_nms(boxes, scores, classes, 0.5)
    assert kept.tolist() == [0, 2, 3, 5, 6, 8]


@pytest.mark.parametrize("fmt", ["xyxy", "xywh", "cxcywh"])
@pytest.mark.parametrize("leading", [(), (1,), (2, 3)])
def test_box_functions_take_leading_dimensions_and_formats_as_torchvision_does(
    fmt, leading, generator
):
    def draw(count):
        boxes = random_boxes(count * math.prod(leading), generator).view(*leading, count, 4)
        return torchvision.ops.box_convert(boxes, "xyxy", fmt)

    a, b = draw(5), draw(7)
    for name, arguments in (("box_area", (a, fmt)), ("box_iou", (a, b, fmt))):
        expected = getattr(torchvision.ops, name)(*arguments)
        torch.testing.assert_close(getattr(lanner.ops, name)(*arguments), expected)
    if fmt != "xyxy":
        return
    same = draw(5)
    for name, arguments in (
        ("generalized_box_iou", (a, b)),
        ("generalized_box_iou_loss", (a, same)),
        ("remove_small_boxes", (a, 20.0)),
    ):
        expected = getattr(torchvision.ops, name)(*arguments)
        torch.testing.assert_close(getattr(lanner.ops, name)(*arguments), expected)


def test_one_import_is_enough_for_torchvisions_other_operators():
    for name in ("sigmoid_focal_loss", "distance_box_iou", "complete_box_iou_loss",
                 "masks_to_boxes", "FrozenBatchNorm2d", "FeaturePyramidNetwork"):
        assert getattr(lanner.ops, name) is getattr(torchvision.ops, name)
    with pytest.raises(AttributeError, match="no attribute 'no_such_thing'"):
        lanner.ops.no_such_thing
