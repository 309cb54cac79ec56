"""Operators against torchvision."""

import inspect

import numpy
import pytest
import torch
import torchvision
from torch.fx.experimental.proxy_tensor import make_fx

import lanner


def random_boxes(count, generator, extent=100.0, dtype=torch.float32):
    corners = torch.rand(count, 2, generator=generator, dtype=dtype) * extent
    sizes = torch.rand(count, 2, generator=generator, dtype=dtype) * extent / 2 + 1
    return torch.cat([corners, corners + sizes], 1)


def random_rois(count, batch, generator, dtype=torch.float32):
    index = torch.randint(batch, (count, 1), generator=generator).to(dtype)
    return torch.cat([index, random_boxes(count, generator, 200.0, dtype) - 20], 1)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("count", [0, 1, 100, 3000])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7])
def test_nms_matches_torchvision(count, threshold, generator):
    boxes = random_boxes(count, generator)
    scores = (torch.rand(count, generator=generator) * 50).round()  # with ties
    expected = torchvision.ops.nms(boxes, scores, threshold)
    assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


@pytest.mark.parametrize("count", [0, 50, 1000, 1001, 4000])
def test_batched_nms_matches_torchvision(count, generator):
    boxes, scores = random_boxes(count, generator), torch.rand(count, generator=generator)
    classes = torch.randint(5, (count,), generator=generator)
    expected = torchvision.ops.batched_nms(boxes, scores, classes, 0.5)
    assert torch.equal(lanner.ops.batched_nms(boxes, scores, classes, 0.5), expected)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 0, 1, 2])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_roi_align_matches_torchvision_forward_and_backward(
    aligned, ratio, dtype, tolerance, generator
):
    x = torch.randn(2, 7, 24, 31, generator=generator, dtype=dtype, requires_grad=True)
    rois = random_rois(40, 2, generator, dtype)
    arguments = (rois, (5, 7), 0.125, ratio, aligned)
    result = lanner.ops.roi_align(x, *arguments)
    expected = torchvision.ops.roi_align(x, *arguments)
    assert torch.allclose(result, expected, atol=tolerance, rtol=tolerance)
    grad = torch.randn(result.shape, generator=generator, dtype=dtype)
    (grad_result,) = torch.autograd.grad(result, x, grad)
    (grad_expected,) = torch.autograd.grad(expected, x, grad)
    assert torch.allclose(grad_result, grad_expected, atol=10 * tolerance, rtol=tolerance)


def test_roi_align_accepts_a_list_of_boxes_and_a_single_output_size(generator):
    x = torch.randn(2, 3, 20, 20, generator=generator)
    boxes = [random_boxes(4, generator, 15), random_boxes(0, generator)]
    expected = torchvision.ops.roi_align(x, boxes, 7, 1.0, 2)
    assert torch.allclose(lanner.ops.roi_align(x, boxes, 7, 1.0, 2), expected, atol=1e-5)


def test_roi_align_gradcheck(generator):
    x = torch.randn(1, 2, 6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 0.3, 0.4, 4.2, 3.7], [0, -1.0, 2.0, 3.0, 9.0]], dtype=torch.float64)
    for aligned in (False, True):
        assert torch.autograd.gradcheck(
            lambda x: lanner.ops.roi_align(x, rois, 2, 0.7, 2, aligned), (x,)
        )


def test_opcheck_of_roi_align_and_nms(generator):
    x = torch.randn(2, 4, 9, 9, generator=generator, requires_grad=True)
    rois = random_rois(5, 2, generator)
    torch.library.opcheck(torch.ops.lanner.roi_align.default, (x, rois, 0.5, 2, 3, 2, True))
    grad = torch.randn(5, 4, 2, 3, generator=generator)
    torch.library.opcheck(
        torch.ops.lanner._roi_align_backward.default,
        (grad, rois, 0.5, 2, 3, 2, True, 2, 4, 9, 9),
    )
    boxes, scores = random_boxes(30, generator), torch.rand(30, generator=generator)
    torch.library.opcheck(torch.ops.lanner.nms.default, (boxes, scores, 0.5))
    classes = torch.zeros(30, dtype=torch.long)
    torch.library.opcheck(torch.ops.lanner.batched_nms.default, (boxes, scores, classes, 0.5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_roi_pool_matches_torchvision_with_argmax_and_gradient(dtype, generator):
    x = torch.randn(2, 7, 24, 31, generator=generator, dtype=dtype)
    x = (x * 4).round().requires_grad_()  # with ties, where the first pixel wins
    rois = random_rois(60, 2, generator, dtype)
    result = torch.ops.lanner.roi_pool(x, rois, 0.125, 5, 7)
    expected = torch.ops.torchvision.roi_pool(x, rois, 0.125, 5, 7)
    assert torch.equal(result[0], expected[0])
    assert torch.equal(result[1], expected[1])
    assert torch.equal(lanner.ops.roi_pool(x, rois, (5, 7), 0.125), expected[0])
    grad = torch.randn(result[0].shape, generator=generator, dtype=dtype)
    (grad_result,) = torch.autograd.grad(result[0], x, grad)
    (grad_expected,) = torch.autograd.grad(expected[0], x, grad)
    assert torch.allclose(grad_result, grad_expected, atol=1e-5)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_ps_roi_pool_matches_torchvision(dtype, tolerance, generator):
    x = torch.randn(2, 5 * 12, 24, 31, generator=generator, dtype=dtype)
    rois = random_rois(60, 2, generator, dtype)
    expected = torchvision.ops.ps_roi_pool(x, rois, (3, 4), 0.125)
    result = lanner.ops.ps_roi_pool(x, rois, (3, 4), 0.125)
    assert torch.allclose(result, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("ratio", [-1, 1, 2])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_ps_roi_align_matches_torchvision_forward_and_backward(ratio, dtype, tolerance, generator):
    x = torch.randn(2, 5 * 12, 24, 31, generator=generator, dtype=dtype, requires_grad=True)
    arguments = (random_rois(60, 2, generator, dtype), (3, 4), 0.125, ratio)
    result = lanner.ops.ps_roi_align(x, *arguments)
    expected = torchvision.ops.ps_roi_align(x, *arguments)
    assert torch.allclose(result, expected, atol=tolerance, rtol=tolerance)
    grad = torch.randn(result.shape, generator=generator, dtype=dtype)
    (grad_result,) = torch.autograd.grad(result, x, grad)
    (grad_expected,) = torch.autograd.grad(expected, x, grad)
    assert torch.allclose(grad_result, grad_expected, atol=10 * tolerance, rtol=tolerance)


def test_gradcheck_of_position_sensitive_pooling_at_image_borders(generator):
    x = torch.randn(1, 2 * 4, 6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 0.3, 0.4, 4.2, 3.7], [0, -1.0, 2.0, 9.0, 9.0]], dtype=torch.float64)
    for original in (False, True):
        assert torch.autograd.gradcheck(
            lambda x: lanner.ops.ps_roi_pool(x, rois, 2, 0.7, original=original), (x,)
        )
    assert torch.autograd.gradcheck(lambda x: lanner.ops.ps_roi_align(x, rois, 2, 0.7, 2), (x,))


def test_opcheck_of_pooling_operators(generator):
    x = torch.randn(2, 2 * 6, 9, 9, generator=generator, requires_grad=True)
    rois, grad = random_rois(5, 2, generator), torch.randn(5, 2, 2, 3, generator=generator)
    operators = torch.ops.lanner
    torch.library.opcheck(operators.roi_pool.default, (x, rois, 0.5, 2, 3))
    argmax = torch.zeros(5, 2, 2, 3, dtype=torch.int32)
    torch.library.opcheck(operators._roi_pool_backward.default, (grad, rois, argmax, 2, 2, 9, 9))
    torch.library.opcheck(operators.ps_roi_pool.default, (x, rois, 0.5, 2, 3, True))
    torch.library.opcheck(operators.ps_roi_align.default, (x, rois, 0.5, 2, 3, 2))
    torch.library.opcheck(
        operators._ps_roi_pool_backward.default, (grad, rois, 0.5, 2, 3, False, 2, 12, 9, 9)
    )
    torch.library.opcheck(
        operators._ps_roi_align_backward.default, (grad, rois, 0.5, 2, 3, 2, 2, 12, 9, 9)
    )


def test_roi_align_computes_in_float32_under_autocast(generator):
    x = torch.randn(1, 3, 10, 10, generator=generator).bfloat16()
    rois = random_rois(4, 1, generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = lanner.ops.roi_align(x, rois, 3, 0.1, 2)
    assert out.dtype == torch.bfloat16
    expected = lanner.ops.roi_align(x.float(), rois, 3, 0.1, 2)
    assert torch.allclose(out.float(), expected, atol=2e-2)


def test_roi_align_can_be_compiled(generator):
    x = torch.randn(1, 3, 10, 10, generator=generator)
    rois = random_rois(4, 1, generator)

    def program(x, rois):
        return lanner.ops.roi_align(x * 2, rois, 3, 0.1, 2) + 1

    compiled = torch.compile(program, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(x, rois), program(x, rois))


def test_errors_name_the_bad_argument():
    x = torch.zeros(1, 3, 8, 8)
    with pytest.raises(AssertionError, match=r"boxes: expected \[K, 5\], got .*\[2, 4\]"):
        lanner.ops.roi_align(x, torch.zeros(2, 4), 7)
    with pytest.raises(RuntimeError, match=r"rois\[1\]: expected a batch index in 0..0, got 3"):
        lanner.ops.roi_align(x, torch.tensor([[0.0, 0, 0, 1, 1], [3, 0, 0, 1, 1]]), 7)
    with pytest.raises(AssertionError, match=r"boxes\[0\]: expected \[K, 4\]"):
        lanner.ops.roi_align(x, [torch.zeros(2, 5)], 7)
    with pytest.raises(RuntimeError, match="nms: scores"):
        lanner.ops.nms(torch.zeros(3, 4), torch.zeros(2), 0.5)


@pytest.mark.parametrize("extent", [300.0, 1000.0, 1600.0, 5000.0, 30000.0])
@pytest.mark.parametrize("op", ["roi_align", "ps_roi_align"])
def test_adaptive_sampling_of_huge_boxes_matches_torchvision(op, extent, generator):
    x = torch.rand(1, 4, 8, 9, generator=generator, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, -extent, -extent, extent, extent], [0, 30.0, -extent, extent, 90.0]])
    rois = rois.double()
    size = 2 if op == "ps_roi_align" else (1, 2)
    result, expected = (getattr(m.ops, op)(x, rois, size, 1 / 16) for m in (lanner, torchvision))
    assert torch.allclose(result, expected, rtol=1e-10, atol=1e-14)
    grads = [torch.autograd.grad(out.sum(), x)[0] for out in (result, expected)]
    assert torch.allclose(*grads, rtol=1e-9, atol=1e-14)


def test_the_cost_of_huge_boxes_is_bounded(generator):
    x = torch.rand(1, 4, 8, 9, generator=generator)
    for extent in (1e9, 1e20, 1e30, float("inf")):
        rois = torch.tensor([[0, -extent, -extent, extent, extent]]).expand(300, 5)
        lanner.ops.roi_align(x, rois, 7, 1 / 16)
        lanner.ops.deform_roi_pool(x, rois, torch.zeros(300, 2, 7, 7), 7, 1 / 16)


def test_roi_align_reads_the_end_of_a_feature_map_wider_than_2_to_the_24():
    width = 2**25 + 3
    x = torch.zeros(1, 1, 1, width)
    x[..., -1] = 1
    rois = torch.tensor([[0, 2.0**25, 0, 2.0**25 + 8, 1]])
    assert lanner.ops.roi_align(x, rois, 1, 1.0, 1).item() == 1


def test_sizes_may_be_numpy_integers(generator):
    x = torch.rand(1, 4, 20, 20, generator=generator)
    boxes = [torch.tensor([[1.0, 2.0, 15.0, 18.0]])]
    expected = lanner.ops.roi_align(x, boxes, (3, 5), 1.0, 2)
    size = numpy.array([3, 5])
    for given in (size, tuple(size), list(size)):
        assert torch.equal(
            lanner.ops.roi_align(x, boxes, given, 1.0, numpy.int64(2)), expected
        )
    module = lanner.ops.RoIAlign(numpy.int32(3), 1.0, numpy.int64(2))
    assert module(x, boxes).shape == (1, 4, 3, 3)
    layer = lanner.ops.DeformConv2d(4, 2, numpy.int64(3), padding=numpy.int64(1))
    assert layer(x, torch.zeros(1, 18, 20, 20)).shape == (1, 2, 20, 20)


def test_sizes_may_be_symbolic(generator):
    x = torch.rand(1, 4, 20, 20, generator=generator)
    rois = torch.tensor([[0, 1.0, 2.0, 15.0, 18.0]])

    def pool(x, rois):
        return lanner.ops.roi_align(x, rois, x.shape[2] // 5)

    traced = make_fx(pool, tracing_mode="symbolic")(x, rois)
    torch.testing.assert_close(traced(x, rois), pool(x, rois))


@pytest.mark.parametrize("module", [
    lanner.ops.RoIAlign(3, 0.5, 2), lanner.ops.RoIPool(3, 0.5),
    lanner.ops.PSRoIAlign(2, 0.5, 2), lanner.ops.PSRoIPool(2, 0.5),
])
def test_modules_can_be_traced_by_fx(module, generator):
    x, boxes = torch.rand(1, 4, 20, 20, generator=generator), [random_boxes(3, generator, 30.0)]
    traced = torch.fx.symbolic_trace(module)
    assert len(traced.graph.nodes) == 4  # two inputs, the operator, the output
    assert torch.equal(traced(x, boxes), module(x, boxes))


FUNCTIONS = [name for name in lanner.ops.__all__ if inspect.isfunction(getattr(lanner.ops, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_can_be_scripted(name):
    torch.jit.script(getattr(lanner.ops, name))


@pytest.mark.parametrize(
    "module",
    [
        lanner.ops.RoIAlign([3, 3], 0.5, 2),
        lanner.ops.RoIPool(3, 0.5),
        lanner.ops.PSRoIAlign((2, 2), 0.5, 2),
        lanner.ops.PSRoIPool(2, 0.5),
        lanner.ops.DeformRoIPool(3, 0.5),
        lanner.ops.DeformPSRoIPool(3, 2, 0.5),
    ],
    ids=lambda module: type(module).__name__,
)
def test_scripted_modules_take_a_list_of_boxes_and_give_the_same(module, generator):
    x = torch.rand(2, 8, 10, 10, generator=generator)
    boxes = [random_boxes(count, generator, 10.0) for count in (3, 2)]
    assert torch.equal(torch.jit.script(module)(x, boxes), module(x, boxes))


def test_scripted_multi_scale_roi_align_gives_the_same(generator):
    maps = {str(i): torch.rand(1, 4, 64 // 2**i, 64 // 2**i, generator=generator) for i in range(3)}
    pool = lanner.ops.MultiScaleRoIAlign(["0", "1", "2"], 3, 2)
    boxes = [random_boxes(20, generator, 200.0)]
    scripted = torch.jit.script(pool)(maps, boxes, [(256, 256)])
    assert torch.equal(scripted, pool(maps, boxes, [(256, 256)]))


def test_scripted_deform_conv2d_gives_the_same(generator):
    layer = lanner.ops.DeformConv2d(4, 6, 3, padding=1)
    x, offset = torch.rand(1, 4, 8, 8), torch.rand(1, 18, 8, 8)
    assert torch.equal(torch.jit.script(layer)(x, offset), layer(x, offset))


@pytest.mark.parametrize("dtype", [torch.qint8, torch.quint8, torch.qint32])
def test_quantized_operators_are_those_of_the_dequantized_tensors(dtype, generator):
    def quantize(x):
        return torch.quantize_per_tensor(x, 0.5, 3, dtype)

    x = quantize(torch.rand(2, 3, 10, 10, generator=generator) * 50)
    rois = quantize(torch.tensor([[0, 0, 0, 9, 9], [1, 2.5, 1, 7, 8]]))
    expected = lanner.ops.roi_align(x.dequantize(), rois.dequantize(), 3, 1.0, 2)
    assert torch.equal(lanner.ops.roi_align(x, rois, 3, 1.0, 2).dequantize(), quantize(expected).dequantize())
    boxes = quantize(random_boxes(200, generator, 40.0))
    scores = quantize(torch.rand(200, generator=generator) * 50)
    expected = lanner.ops.nms(boxes.dequantize(), scores.dequantize(), 0.4)
    assert torch.equal(lanner.ops.nms(boxes, scores, 0.4), expected)
