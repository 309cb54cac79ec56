"""The operators against torchvision's."""

import pytest
import torch
import torchvision

import lanner


def boxes_of(count, generator, extent=100.0, dtype=torch.float32):
    corner = torch.rand(count, 2, generator=generator, dtype=dtype) * extent
    size = torch.rand(count, 2, generator=generator, dtype=dtype) * extent / 2 + 1
    return torch.cat([corner, corner + size], 1)


def rois_of(count, batch, generator, dtype=torch.float32):
    index = torch.randint(batch, (count, 1), generator=generator).to(dtype)
    return torch.cat([index, boxes_of(count, generator, 200.0, dtype) - 20], 1)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("count", [0, 1, 100, 3000])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7])
def test_nms_keeps_what_torchvision_keeps(count, threshold, generator):
    boxes = boxes_of(count, generator)
    scores = (torch.rand(count, generator=generator) * 50).round()  # with ties
    expected = torchvision.ops.nms(boxes, scores, threshold)
    assert torch.equal(lanner.ops.nms(boxes, scores, threshold), expected)


@pytest.mark.parametrize("count", [0, 50, 1000, 1001, 4000])
def test_batched_nms_keeps_what_torchvision_keeps(count, generator):
    boxes, scores = boxes_of(count, generator), torch.rand(count, generator=generator)
    classes = torch.randint(5, (count,), generator=generator)
    expected = torchvision.ops.batched_nms(boxes, scores, classes, 0.5)
    assert torch.equal(lanner.ops.batched_nms(boxes, scores, classes, 0.5), expected)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 0, 1, 2])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_roi_align_is_torchvisions_forward_and_backward(aligned, ratio, dtype, tolerance, generator):
    x = torch.randn(2, 7, 24, 31, generator=generator, dtype=dtype, requires_grad=True)
    rois = rois_of(40, 2, generator, dtype)
    arguments = (rois, (5, 7), 0.125, ratio, aligned)
    ours, theirs = lanner.ops.roi_align(x, *arguments), torchvision.ops.roi_align(x, *arguments)
    assert torch.allclose(ours, theirs, atol=tolerance, rtol=tolerance)
    grad = torch.randn(ours.shape, generator=generator, dtype=dtype)
    (ours_grad,) = torch.autograd.grad(ours, x, grad)
    (theirs_grad,) = torch.autograd.grad(theirs, x, grad)
    assert torch.allclose(ours_grad, theirs_grad, atol=10 * tolerance, rtol=tolerance)


def test_roi_align_takes_a_list_of_boxes_and_one_output_size(generator):
    x = torch.randn(2, 3, 20, 20, generator=generator)
    boxes = [boxes_of(4, generator, 15), boxes_of(0, generator)]
    expected = torchvision.ops.roi_align(x, boxes, 7, 1.0, 2)
    assert torch.allclose(lanner.ops.roi_align(x, boxes, 7, 1.0, 2), expected, atol=1e-5)


def test_roi_align_gradcheck(generator):
    x = torch.randn(1, 2, 6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 0.3, 0.4, 4.2, 3.7], [0, -1.0, 2.0, 3.0, 9.0]], dtype=torch.float64)
    for aligned in (False, True):
        assert torch.autograd.gradcheck(
            lambda x: lanner.ops.roi_align(x, rois, 2, 0.7, 2, aligned), (x,)
        )


def test_opcheck(generator):
    x = torch.randn(2, 4, 9, 9, generator=generator, requires_grad=True)
    rois = rois_of(5, 2, generator)
    torch.library.opcheck(torch.ops.lanner.roi_align.default, (x, rois, 0.5, 2, 3, 2, True))
    grad = torch.randn(5, 4, 2, 3, generator=generator)
    torch.library.opcheck(
        torch.ops.lanner._roi_align_backward.default,
        (grad, rois, 0.5, 2, 3, 2, True, 2, 4, 9, 9),
    )
    boxes, scores = boxes_of(30, generator), torch.rand(30, generator=generator)
    torch.library.opcheck(torch.ops.lanner.nms.default, (boxes, scores, 0.5))
    classes = torch.zeros(30, dtype=torch.long)
    torch.library.opcheck(torch.ops.lanner.batched_nms.default, (boxes, scores, classes, 0.5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_roi_pool_is_torchvisions_argmax_and_gradient_included(dtype, generator):
    x = torch.randn(2, 7, 24, 31, generator=generator, dtype=dtype)
    x = (x * 4).round().requires_grad_()  # with ties: the first in reading order wins
    rois = rois_of(60, 2, generator, dtype)
    ours = torch.ops.lanner.roi_pool(x, rois, 0.125, 5, 7)
    theirs = torch.ops.torchvision.roi_pool(x, rois, 0.125, 5, 7)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    assert torch.equal(lanner.ops.roi_pool(x, rois, (5, 7), 0.125), theirs[0])
    grad = torch.randn(ours[0].shape, generator=generator, dtype=dtype)
    (ours_grad,) = torch.autograd.grad(ours[0], x, grad)
    (theirs_grad,) = torch.autograd.grad(theirs[0], x, grad)
    assert torch.allclose(ours_grad, theirs_grad, atol=1e-5)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_ps_roi_pool_is_torchvisions(dtype, tolerance, generator):
    x = torch.randn(2, 5 * 12, 24, 31, generator=generator, dtype=dtype)
    rois = rois_of(60, 2, generator, dtype)
    expected = torchvision.ops.ps_roi_pool(x, rois, (3, 4), 0.125)
    found = lanner.ops.ps_roi_pool(x, rois, (3, 4), 0.125)
    assert torch.allclose(found, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("ratio", [-1, 1, 2])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_ps_roi_align_is_torchvisions_forward_and_backward(ratio, dtype, tolerance, generator):
    x = torch.randn(2, 5 * 12, 24, 31, generator=generator, dtype=dtype, requires_grad=True)
    arguments = (rois_of(60, 2, generator, dtype), (3, 4), 0.125, ratio)
    ours, theirs = lanner.ops.ps_roi_align(x, *arguments), torchvision.ops.ps_roi_align(x, *arguments)
    assert torch.allclose(ours, theirs, atol=tolerance, rtol=tolerance)
    grad = torch.randn(ours.shape, generator=generator, dtype=dtype)
    (ours_grad,) = torch.autograd.grad(ours, x, grad)
    (theirs_grad,) = torch.autograd.grad(theirs, x, grad)
    assert torch.allclose(ours_grad, theirs_grad, atol=10 * tolerance, rtol=tolerance)


def test_position_sensitive_gradients_are_those_of_the_forward_rule_at_borders_too(generator):
    x = torch.randn(1, 2 * 4, 6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 0.3, 0.4, 4.2, 3.7], [0, -1.0, 2.0, 9.0, 9.0]], dtype=torch.float64)
    for original in (False, True):
        assert torch.autograd.gradcheck(
            lambda x: lanner.ops.ps_roi_pool(x, rois, 2, 0.7, original=original), (x,)
        )
    assert torch.autograd.gradcheck(lambda x: lanner.ops.ps_roi_align(x, rois, 2, 0.7, 2), (x,))


def test_opcheck_of_pooling_operators(generator):
    x = torch.randn(2, 2 * 6, 9, 9, generator=generator, requires_grad=True)
    rois, grad = rois_of(5, 2, generator), torch.randn(5, 2, 2, 3, generator=generator)
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


def test_autocast_computes_in_float32(generator):
    x = torch.randn(1, 3, 10, 10, generator=generator).bfloat16()
    rois = rois_of(4, 1, generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = lanner.ops.roi_align(x, rois, 3, 0.1, 2)
    assert out.dtype == torch.bfloat16
    expected = lanner.ops.roi_align(x.float(), rois, 3, 0.1, 2)
    assert torch.allclose(out.float(), expected, atol=2e-2)


def test_compiled_programs_may_use_them(generator):
    x = torch.randn(1, 3, 10, 10, generator=generator)
    rois = rois_of(4, 1, generator)

    def program(x, rois):
        return lanner.ops.roi_align(x * 2, rois, 3, 0.1, 2) + 1

    compiled = torch.compile(program, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(x, rois), program(x, rois))


def test_arguments_that_do_not_fit_are_named():
    x = torch.zeros(1, 3, 8, 8)
    with pytest.raises(RuntimeError, match=r"rois: expected \[K, 5\], got \[2, 4\]"):
        lanner.ops.roi_align(x, torch.zeros(2, 4), 7)
    with pytest.raises(RuntimeError, match=r"rois\[1\]: expected a batch index in 0..0, got 3"):
        lanner.ops.roi_align(x, torch.tensor([[0.0, 0, 0, 1, 1], [3, 0, 0, 1, 1]]), 7)
    with pytest.raises(ValueError, match=r"boxes\[0\]: expected \[K, 4\]"):
        lanner.ops.roi_align(x, [torch.zeros(2, 5)], 7)
    with pytest.raises(RuntimeError, match="nms: scores"):
        lanner.ops.nms(torch.zeros(3, 4), torch.zeros(2), 0.5)


@pytest.mark.parametrize("reach", [300.0, 1000.0, 1600.0, 5000.0, 30000.0])
@pytest.mark.parametrize("op", ["roi_align", "ps_roi_align"])
def test_adaptive_sampling_of_vast_boxes_is_torchvisions(op, reach, generator):
    x = torch.rand(1, 4, 8, 9, generator=generator, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, -reach, -reach, reach, reach], [0, 30.0, -reach, reach, 90.0]]).double()
    size = 2 if op == "ps_roi_align" else (1, 2)
    ours, theirs = (getattr(m.ops, op)(x, rois, size, 1 / 16) for m in (lanner, torchvision))
    assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-14)
    grads = [torch.autograd.grad(out.sum(), x)[0] for out in (ours, theirs)]
    assert torch.allclose(*grads, rtol=1e-9, atol=1e-14)


def test_boxes_of_any_size_cost_no_more_than_others(generator):
    x = torch.rand(1, 4, 8, 9, generator=generator)
    for reach in (1e9, 1e20, 1e30, float("inf")):
        rois = torch.tensor([[0, -reach, -reach, reach, reach]]).expand(300, 5)
        lanner.ops.roi_align(x, rois, 7, 1 / 16)
        lanner.ops.deform_roi_pool(x, rois, torch.zeros(300, 2, 7, 7), 7, 1 / 16)


def test_a_map_wider_than_floats_can_count_is_read_to_its_end():
    width = 2**25 + 3
    x = torch.zeros(1, 1, 1, width)
    x[..., -1] = 1
    rois = torch.tensor([[0, 2.0**25, 0, 2.0**25 + 8, 1]])
    assert lanner.ops.roi_align(x, rois, 1, 1.0, 1).item() == 1
