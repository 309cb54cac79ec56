"""Properties of all operators: types, layouts, determinism, compilation, instruction sets."""

import os
import subprocess
import sys

import pytest
import torch
import torchvision

import lanner

ops = lanner.ops


def calls():
    """For each differentiable operator: its name, its tensors, and a function that calls it."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 8 * 4, 12, 13, generator=g)
    rois = torch.tensor(
        [[0, 3.2, 4.1, 60.7, 41.3], [1, -20.0, 10.3, 33.1, 90.2], [1, 30.2, 31.7, 71.1, 52.9]]
    )
    offsets = torch.randn(3, 2, 2, 2, generator=g)
    offset = torch.randn(2, 18, 12, 13, generator=g)
    mask = torch.rand(2, 9, 12, 13, generator=g)
    weight = torch.randn(5, 32, 3, 3, generator=g) / 17
    return [
        ("roi_align", (x,), lambda x: ops.roi_align(x, rois.to(x), 2, 1 / 8, 2)),
        ("roi_pool", (x,), lambda x: ops.roi_pool(x, rois.to(x), 2, 1 / 8)),
        ("ps_roi_pool", (x,), lambda x: ops.ps_roi_pool(x, rois.to(x), 2, 1 / 8)),
        ("ps_roi_align", (x,), lambda x: ops.ps_roi_align(x, rois.to(x), 2, 1 / 8, 2)),
        (
            "deform_conv2d",
            (x, offset, weight, mask),
            lambda x, o, w, m: ops.deform_conv2d(x, o, w, padding=1, mask=m),
        ),
        (
            "deform_roi_pool",
            (x, offsets),
            lambda x, o: ops.deform_roi_pool(x, rois.to(x), o, 2, 1 / 8, 2),
        ),
        (
            "deform_ps_roi_pool",
            (x, offsets),
            lambda x, o: ops.deform_ps_roi_pool(x, rois.to(x), o, 2, 2, 1 / 8),
        ),
    ]


CALLS = {name: (tensors, call) for name, tensors, call in calls()}
all_operators = pytest.mark.parametrize("name", CALLS)


def make_leaves(name, dtype=torch.float32):
    tensors, call = CALLS[name]
    return [t.to(dtype).detach().requires_grad_() for t in tensors], call


@all_operators
@pytest.mark.parametrize("dtype, tolerance", [(torch.bfloat16, 0.06), (torch.float16, 0.02)])
def test_16_bit_types_are_accumulated_in_float(name, dtype, tolerance):
    if name in ("roi_pool", "deform_ps_roi_pool"):
        tolerance *= 4  # rounded coordinates may select other pixels
    leaves, call = make_leaves(name, dtype)
    result = call(*leaves)
    assert result.dtype == dtype
    expected = call(*(t.detach().float() for t in leaves))
    if name != "roi_pool":
        assert (result.float() - expected).abs().mean() < tolerance
    for grad, leaf in zip(torch.autograd.grad(result.float().sum(), leaves), leaves):
        assert grad.dtype == dtype and grad.shape == leaf.shape


@all_operators
def test_strides_do_not_matter_and_channels_last_is_kept(name):
    leaves, call = make_leaves(name)
    expected = call(*leaves)
    transposed = leaves[0].detach().transpose(2, 3).contiguous().transpose(2, 3)
    assert torch.allclose(call(transposed, *leaves[1:]), expected, atol=1e-5)
    last = leaves[0].detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    result = call(last, *leaves[1:])
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(result, expected, atol=1e-5)
    grad = torch.randn(expected.shape)
    (a,) = torch.autograd.grad(result, last, grad.contiguous(memory_format=torch.channels_last))
    (b,) = torch.autograd.grad(expected, leaves[0], grad)
    assert torch.allclose(a, b, atol=1e-5)


@all_operators
def test_gradients_are_deterministic(name):
    leaves, call = make_leaves(name)
    out = call(*leaves)
    grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    first = torch.autograd.grad(out, leaves, grad, retain_graph=True)
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            again = torch.autograd.grad(out, leaves, grad, retain_graph=True)
            assert count != threads or all(map(torch.equal, first, again))
            assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(first, again))
    finally:
        torch.set_num_threads(threads)


@all_operators
def test_second_derivatives_raise_an_error(name):
    leaves, call = make_leaves(name)
    out = call(*leaves)
    (grad,) = torch.autograd.grad(out.pow(2).sum(), leaves[:1], create_graph=True)
    with pytest.raises(RuntimeError, match=f"{name}: second derivatives are not supported"):
        grad.sum().backward()


@all_operators
def test_can_be_compiled(name):
    leaves, call = make_leaves(name)

    def program(*tensors):
        return call(tensors[0] * 2, *tensors[1:]).sum()

    compiled = torch.compile(program, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(*leaves), program(*leaves), rtol=1e-4)
    for a, b in zip(
        torch.autograd.grad(compiled(*leaves), leaves),
        torch.autograd.grad(program(*leaves), leaves),
    ):
        assert torch.allclose(a, b, atol=1e-4)


class AllOperators(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = ops.DeformConv2d(32, 32, 3, padding=1)
        self.pools = torch.nn.ModuleList(
            [
                ops.RoIAlign(2, 1 / 8, 2, aligned=True),
                ops.RoIPool(2, 1 / 8),
            ]
        )
        self.ps_pools = torch.nn.ModuleList([ops.PSRoIPool(2, 1 / 8), ops.PSRoIAlign(2, 1 / 8, 2)])

    def forward(self, x, offset, rois):
        x = self.conv(x, offset)
        plain = sum(pool(x, rois) for pool in self.pools)
        return plain[:, :8] + sum(pool(x, rois) for pool in self.ps_pools)


def test_modules_can_be_traced_and_exported():
    model = AllOperators().eval()
    traced = torch.fx.symbolic_trace(model)
    g = torch.Generator().manual_seed(2)
    x, offset = (torch.randn(1, n, 12, 13, generator=g) for n in (32, 18))
    rois = torch.tensor([[0, 3.0, 4.0, 60.0, 41.0]])
    assert torch.equal(traced(x, offset, rois), model(x, offset, rois))
    exported = torch.export.export(model, (x, offset, rois))
    assert torch.allclose(exported.module()(x, offset, rois), model(x, offset, rois))


PARITY = """
import torch, torchvision, lanner
assert torch.backends.cpu.get_cpu_capability() == "{name}", torch.backends.cpu.get_cpu_capability()
torch.manual_seed(0)
x = torch.randn(2, 3 * 49, 20, 23, requires_grad=True)
corners = torch.rand(50, 2) * 120
rois = torch.cat([torch.randint(2, (50, 1)), corners, corners + torch.rand(50, 2) * 90], 1)
for op, reference, arguments in [
    (lanner.ops.roi_align, torchvision.ops.roi_align, (rois, 7, 1 / 8, 2)),
    (lanner.ops.roi_pool, torchvision.ops.roi_pool, (rois, 7, 1 / 8)),
    (lanner.ops.ps_roi_align, torchvision.ops.ps_roi_align, (rois, 7, 1 / 8, 2)),
    (lanner.ops.deform_conv2d, torchvision.ops.deform_conv2d,
     (torch.randn(2, 18, 20, 23), torch.randn(9, 147, 3, 3) / 36, None, 1, 1)),
]:
    a, b = op(x, *arguments), reference(x, *arguments)
    assert torch.allclose(a, b, atol=1e-5), op
    g = torch.randn_like(a)
    a, b = (torch.autograd.grad(o, x, g)[0] for o in (a, b))
    assert torch.allclose(a, b, atol=1e-4), op
corners = torch.rand(3000, 2) * 300
boxes, scores = torch.cat([corners, corners + torch.rand(3000, 2) * 60], 1), torch.rand(3000)
for threshold in (0.2, 0.5, 0.7, 0.95):
    assert torch.equal(lanner.ops.nms(boxes, scores, threshold),
                       torchvision.ops.nms(boxes, scores, threshold))
print("same")
"""


@pytest.mark.parametrize("capability", ["default", "avx2", "avx512"])
def test_every_instruction_set_matches_torchvision(capability):
    order = ["default", "avx2", "avx512"]
    available = torch.backends.cpu.get_cpu_capability().lower()
    if available not in order or order.index(capability) > order.index(available):
        pytest.skip(f"this machine has {available}")
    run = subprocess.run(
        [sys.executable, "-c", PARITY.replace("{name}", capability.upper())],
        env={**os.environ, "ATEN_CPU_CAPABILITY": capability},
        capture_output=True,
        text=True,
    )
    assert run.stdout == "same\n", run.stderr


def test_outputs_do_not_share_memory():
    """Large outputs reuse the memory of freed tensors only."""
    x, rois = torch.rand(1, 256, 20, 20), torch.rand(200, 5) * 100
    rois[:, 0] = 0
    outputs = [ops.roi_align(x + i, rois, 7, 0.1, 2) for i in range(4)]
    copies = [output.clone() for output in outputs]
    for i in range(8):
        ops.roi_align(x * i, rois, 7, 0.1, 2)
    assert all(map(torch.equal, outputs, copies))


def test_torchvisions_faster_rcnn_gives_the_same_detections_with_lanners_operators(monkeypatch):
    torch.manual_seed(3)
    model = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=5, box_score_thresh=0.0
    ).eval()
    image = torch.rand(3, 240, 320)
    with torch.no_grad():
        expected = model([image])[0]
        patch_torchvision(monkeypatch.setattr)
        result = model([image])[0]
    assert torch.equal(result["labels"], expected["labels"])
    assert torch.allclose(result["boxes"], expected["boxes"], atol=1e-3)
    assert torch.allclose(result["scores"], expected["scores"], atol=1e-5)


def patch_torchvision(replace):
    """Makes torchvision's detectors use lanner's operators."""
    replace(torchvision.ops.poolers, "roi_align", ops.roi_align)
    replace(torchvision.ops.boxes, "nms", ops.nms)
    replace(torchvision.ops.boxes, "batched_nms", ops.batched_nms)
