"""Results on a GPU match those on the CPU. Skipped without a GPU."""

import json
import math

import pytest
import torch
import torchvision

import lanner
from same_detections import assert_same
from test_ops import random_boxes, random_rois
from test_ops_everywhere import CALLS, make_leaves

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="requires a GPU")
all_operators = pytest.mark.parametrize("name", CALLS)


@pytest.fixture(autouse=True)
def exact():
    """Disables TF32, to which cuDNN rounds the inputs of convolutions by default."""
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = allowed


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def on_both(name, dtype):
    """Yields the operator's leaves and result on the CPU, then on the GPU."""
    for device in ("cpu", "cuda"):
        leaves, call = make_leaves(name, dtype)
        leaves = [leaf.detach().to(device).requires_grad_() for leaf in leaves]
        yield leaves, call(*leaves)


@all_operators
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-4), (torch.float64, 1e-10)])
def test_operators_and_gradients_match_the_cpu(name, dtype, tolerance):
    (cpu_leaves, expected), (gpu_leaves, result) = on_both(name, dtype)
    assert result.device.type == "cuda"
    assert torch.allclose(result.cpu(), expected, atol=tolerance, rtol=tolerance)
    grad = torch.randn(expected.shape, dtype=dtype)
    grads = torch.autograd.grad(result, gpu_leaves, grad.cuda())
    for a, b in zip(grads, torch.autograd.grad(expected, cpu_leaves, grad)):
        assert torch.allclose(a.cpu(), b, atol=10 * tolerance, rtol=tolerance)


@all_operators
@pytest.mark.parametrize("dtype, tolerance", [(torch.bfloat16, 0.06), (torch.float16, 0.02)])
def test_16_bit_types_are_accumulated_in_float(name, dtype, tolerance):
    (_, expected), (gpu_leaves, result) = on_both(name, dtype)
    assert result.dtype == dtype
    assert (result.cpu() - expected).abs().mean() < tolerance
    for grad, leaf in zip(torch.autograd.grad(result.float().sum(), gpu_leaves), gpu_leaves):
        assert grad.dtype == dtype and grad.shape == leaf.shape and grad.isfinite().all()


@all_operators
def test_channels_last_input_gives_the_same_result_in_channels_last(name):
    (_, expected), (gpu_leaves, _) = on_both(name, torch.float32)
    last = gpu_leaves[0].detach().contiguous(memory_format=torch.channels_last)
    result = CALLS[name][1](last, *gpu_leaves[1:])
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(result.cpu(), expected, atol=1e-4)


@all_operators
def test_empty_input_gives_empty_output(name):
    leaves, call = make_leaves(name)
    if name == "deform_conv2d":
        tensors = [t[:0] if i != 2 else t for i, t in enumerate(leaves)]
        assert call(*(t.cuda() for t in tensors)).shape[0] == 0
        return
    x = leaves[0].detach().cuda().requires_grad_()
    offsets = (torch.zeros(0, 2, 2, 2, device="cuda"),) if len(leaves) == 2 else ()
    rest = {"deform_roi_pool": (2, 1 / 8, 2), "deform_ps_roi_pool": (2, 2, 1 / 8)}
    out = getattr(lanner.ops, name)(
        x, torch.zeros(0, 5, device="cuda"), *offsets, *rest.get(name, (2, 1 / 8))
    )
    assert out.shape[0] == 0
    (grad,) = torch.autograd.grad(out.sum(), x)
    assert grad.abs().max() == 0


@all_operators
def test_runs_on_the_current_stream(name):
    (_, expected), (gpu_leaves, _) = on_both(name, torch.float32)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        result = CALLS[name][1](*gpu_leaves)
    stream.synchronize()
    assert torch.allclose(result.cpu(), expected, atol=1e-4)


@pytest.mark.parametrize("op", ["roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool"])
def test_pooling_matches_torchvision_on_the_gpu(op, generator):
    x = torch.randn(2, 48 * 4, 50, 68, generator=generator).cuda()
    rois = random_rois(1000, 2, generator).cuda() * torch.tensor([1, 5, 4, 5, 4], device="cuda")
    arguments = (x, rois, 4, 1 / 16, *((2,) if op.endswith("align") else ()))
    expected, result = (getattr(m.ops, op)(*arguments) for m in (torchvision, lanner))
    # Where a bin's edge falls on that of a pixel, rounding decides which pixel is in the bin.
    tolerated_fraction = 1e-9 if op.endswith("align") else 1e-3
    assert ((result - expected).abs() > 1e-4).float().mean() < tolerated_fraction


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 1000, 12000])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7])
def test_nms_matches_the_cpu(count, threshold, generator):
    boxes = random_boxes(count, generator, 300.0)
    scores = (torch.rand(count, generator=generator) * 5000).round()  # with ties
    expected = lanner.ops.nms(boxes, scores, threshold)
    assert torch.equal(lanner.ops.nms(boxes.cuda(), scores.cuda(), threshold).cpu(), expected)
    classes = torch.randint(5, (count,), generator=generator)
    expected = lanner.ops.batched_nms(boxes, scores, classes, threshold)
    result = lanner.ops.batched_nms(boxes.cuda(), scores.cuda(), classes.cuda(), threshold)
    assert torch.equal(result.cpu(), expected)


def test_non_finite_boxes_do_not_hang_or_crash():
    boxes = torch.tensor([[0, 0, 10, 10], [math.nan, 0, 5, 5], [5, 5, math.inf, 9]]).cuda()
    kept = lanner.ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]).cuda(), 0.5)
    assert 0 in kept.tolist()
    rois = torch.cat([torch.zeros(3, 1, device="cuda"), boxes], 1)
    for op in ("roi_align", "roi_pool"):
        getattr(lanner.ops, op)(torch.rand(1, 4, 9, 9, device="cuda"), rois, 2)
    torch.cuda.synchronize()


MODELS = {
    "faster_rcnn": {"backbone": "resnet18-fpn"},
    "deformable": {
        "backbone": {"depth": 18, "deformable": {"stages": [3, 4], "modulated": True}},
        "roi": {"deformable": True},
    },
    "rfcn": {"model": "rfcn", "backbone": "resnet18-dc5"},
}


def make_detector(name):
    torch.manual_seed(0)
    options = dict(MODELS[name])
    roi = {"score_threshold": 0.02, "sampled_rois": 10**6} | options.pop("roi", {})
    rpn, resize = {"sampled_anchors": 10**6}, {"min_size": 200, "max_size": 333}
    detector = lanner.build(5, roi=roi, rpn=rpn, resize=resize, **options)
    for name, parameter in detector.named_parameters():  # otherwise all scores are similar
        if "rpn" in name and parameter.dim() > 1:
            parameter.data.normal_(0, 0.05)
    return detector


@pytest.mark.parametrize("model", MODELS)
def test_detections_match_the_cpu(model):
    detector = make_detector(model).eval()
    image = torch.rand(3, 161, 220, generator=torch.Generator().manual_seed(1))
    expected = detector(image)
    result = detector.to("cuda")(image.cuda())
    assert len(expected["boxes"]) > 10
    assert_same({k: v.cpu() for k, v in result.items()}, expected)


@pytest.mark.parametrize("model", MODELS)
def test_losses_and_gradients_match_the_cpu_without_sampling(model):
    generator = torch.Generator().manual_seed(2)
    images = [torch.rand(3, 150, 200, generator=generator) for _ in range(2)]
    targets = [
        {"boxes": torch.tensor([[20.0, 30, 90, 120]]), "labels": torch.tensor([2])},
        {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)},
    ]
    results = []
    for device in ("cpu", "cuda"):
        detector = make_detector(model).train().to(device)
        losses = detector(
            [image.to(device) for image in images],
            [{k: v.to(device) for k, v in target.items()} for target in targets],
        )
        sum(losses.values()).backward()
        grads = {n: p.grad.cpu() for n, p in detector.named_parameters() if p.grad is not None}
        results.append(({k: v.item() for k, v in losses.items()}, grads))
    (losses, grads), (gpu_losses, gpu_grads) = results
    assert gpu_losses == pytest.approx(losses, rel=1e-2)
    assert set(gpu_grads) == set(grads)
    for name in grads:
        distance = (gpu_grads[name] - grads[name]).norm() / (grads[name].norm() + 1e-6)
        assert distance < 0.1, name


@pytest.fixture
def data(lanner_program, tmp_path):
    out = tmp_path / "data"
    lanner_program("synth", "--images", 40, "--width", 96, "--height", 80, "--out", out)
    return out


@pytest.mark.parametrize("objective", ["cpc", "simclr"])
def test_pretrain_train_and_eval_on_the_gpu(lanner_program, data, tmp_path, objective):
    pretraining = ("pretrain", "--images", data / "JPEGImages", "--objective", objective,
                   "--batch-size", 8, "--log-every", 1, "--device", "cuda", "--amp",
                   "--out", tmp_path / "pre")  # fmt: skip
    lanner_program(*pretraining, "--epochs", 2)
    lanner_program(*pretraining, "--epochs", 3, "--resume")
    training = ("train", "--data", f"{data}:train", "--val", f"{data}:val", "--preset", "small",
                "--resize.min-size", 80, "--resize.max-size", 96,
                "--batch-size", 4, "--log-every", 1,
                "--init", tmp_path / "pre/best.safetensors", "--device", "cuda",
                "--out", tmp_path / "run")  # fmt: skip
    lanner_program(*training, "--epochs", 2, "--ema-decay", 0.9)
    lanner_program(*training, "--epochs", 3, "--ema-decay", 0.9, "--resume")
    for run in ("pre", "run"):
        lines = (tmp_path / run / "metrics.jsonl").read_text().splitlines()
        losses = [json.loads(line).get("loss", 0.0) for line in lines]
        assert len(losses) > 5 and all(map(math.isfinite, losses))
    metrics = []
    for device in ("cpu", "cuda"):
        lanner_program("eval", "--weights", tmp_path / "run/best.safetensors",
                       "--data", f"{data}:val", "--amp", "false", "--device", device,
                       "--metrics-json", tmp_path / device)  # fmt: skip
        metrics.append(json.loads((tmp_path / device).read_text()))
    assert metrics[1]["AP50"] == pytest.approx(metrics[0]["AP50"], abs=0.02)
