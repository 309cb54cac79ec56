"""Deformable operators against torchvision and numerical gradients."""

import pytest
import torch
import torchvision

import lanner


def random(generator, *size, dtype=torch.float64, scale=1.0):
    return (torch.randn(*size, generator=generator, dtype=dtype) * scale).requires_grad_()


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


# Input and output channels, kernel, groups, offset groups, stride, padding, dilation, mask, bias.
CASES = [
    (6, 4, (3, 3), 1, 1, (1, 1), (1, 1), (1, 1), True, True),
    (6, 4, (3, 3), 1, 1, (1, 1), (1, 1), (1, 1), False, False),
    (8, 4, (3, 3), 2, 2, (2, 2), (1, 1), (1, 1), True, True),
    (16, 8, (3, 2), 8, 4, (1, 2), (2, 0), (2, 1), False, True),
    (12, 24, (3, 3), 12, 3, (1, 1), (1, 1), (1, 1), True, False),
    (70, 66, (3, 3), 1, 1, (1, 1), (1, 1), (1, 1), True, True),
    (128, 64, (3, 3), 4, 2, (1, 1), (1, 1), (1, 1), True, True),
    (24, 6, (1, 1), 2, 1, (1, 1), (0, 0), (1, 1), True, True),
]


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-4), (torch.float64, 1e-10)])
@pytest.mark.parametrize("case", CASES)
def test_deform_conv2d_matches_torchvision_forward_and_backward(case, dtype, tolerance, generator):
    channels, out, kernel, groups, offset_groups, stride, padding, dilation, mask, bias = case
    x = random(generator, 2, channels, 9, 11, dtype=dtype)
    weight = random(generator, out, channels // groups, *kernel, dtype=dtype)
    height, width = (
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip((9, 11), padding, dilation, kernel, stride)
    )
    samples = offset_groups * kernel[0] * kernel[1]
    offset = random(generator, 2, 2 * samples, height, width, dtype=dtype, scale=2)
    mask = random(generator, 2, samples, height, width, dtype=dtype) if mask else None
    bias = random(generator, out, dtype=dtype) if bias else None
    arguments = (x, offset, weight, bias, stride, padding, dilation, mask)
    result = lanner.ops.deform_conv2d(*arguments)
    expected = torchvision.ops.deform_conv2d(*arguments)
    assert torch.allclose(result, expected, atol=tolerance, rtol=tolerance)
    leaves = [t for t in (x, offset, weight, bias, mask) if t is not None]
    grad = torch.randn(result.shape, generator=generator, dtype=dtype)
    for a, b in zip(
        torch.autograd.grad(result, leaves, grad), torch.autograd.grad(expected, leaves, grad)
    ):
        assert torch.allclose(a, b, atol=10 * tolerance, rtol=tolerance)


def test_deform_conv2d_keeps_channels_last(generator):
    x = random(generator, 2, 20, 9, 11, dtype=torch.float32)
    offset = random(generator, 2, 18, 9, 11, dtype=torch.float32)
    weight = random(generator, 7, 20, 3, 3, dtype=torch.float32)
    expected = lanner.ops.deform_conv2d(x, offset, weight, padding=1)
    channels_last = x.detach().contiguous(memory_format=torch.channels_last)
    result = lanner.ops.deform_conv2d(channels_last, offset, weight, padding=1)
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(result, expected, atol=1e-5)


def test_gradcheck_of_deform_conv2d(generator):
    x, weight = random(generator, 1, 4, 5, 6), random(generator, 2, 2, 3, 3)
    offset, mask = random(generator, 1, 36, 5, 6), random(generator, 1, 18, 5, 6)
    bias = random(generator, 2)
    assert torch.autograd.gradcheck(
        lambda *t: lanner.ops.deform_conv2d(t[0], t[1], t[2], t[3], padding=1, mask=t[4]),
        (x, offset, weight, bias, mask),
    )


ROIS = torch.tensor(
    [[0, 3.2, 4.1, 60.7, 41.3], [1, -20.0, 10.3, 33.1, 90.2], [1, 30.2, 31.7, 31.1, 32.9]],
    dtype=torch.float64,
)


@pytest.mark.parametrize("ratio", [0, 2])
def test_gradcheck_of_deform_roi_pool(ratio, generator):
    x, offset = random(generator, 2, 5, 9, 10), random(generator, 3, 2, 3, 2)
    assert torch.autograd.gradcheck(
        lambda x, o: lanner.ops.deform_roi_pool(x, ROIS, o, (3, 2), 1 / 8, ratio, 0.3), (x, offset)
    )
    assert torch.autograd.gradcheck(
        lambda x: lanner.ops.deform_roi_pool(x, ROIS, None, (3, 2), 1 / 8, ratio), (x,)
    )


@pytest.mark.parametrize("classes", [1, 2, 6])
def test_gradcheck_of_deform_ps_roi_pool(classes, generator):
    x, offset = random(generator, 2, 24, 9, 10), random(generator, 3, 2 * classes, 3, 3)
    assert torch.autograd.gradcheck(
        lambda x, o: lanner.ops.deform_ps_roi_pool(x, ROIS, o, (4, 3), 2, 1 / 8, 3, 0.3),
        (x, offset),
    )


def test_opcheck_of_deformable_operators(generator):
    f = torch.float32
    operators, check = torch.ops.lanner, torch.library.opcheck
    x, weight = random(generator, 2, 8, 6, 7, dtype=f), random(generator, 4, 4, 3, 3, dtype=f)
    offset = random(generator, 2, 36, 6, 7, dtype=f)
    mask = random(generator, 2, 18, 6, 7, dtype=f)
    bias = random(generator, 4, dtype=f)
    same = ([1, 1], [1, 1], [1, 1])
    check(operators.deform_conv2d.default, (x, offset, weight, mask, bias, *same))
    check(operators.deform_conv2d.default, (x, offset, weight, None, None, *same))
    # The backward operators have no derivatives, which opcheck would test.
    x, offset, weight, mask = (t.detach() for t in (x, offset, weight, mask))
    grad = torch.randn(2, 4, 6, 7, generator=generator)
    check(operators._deform_conv2d_backward.default, (grad, x, offset, weight, mask, *same))
    check(operators._deform_conv2d_backward.default, (grad, x, offset, weight, None, *same))
    rois, grad = ROIS.float(), torch.randn(3, 8, 2, 2, generator=generator)
    for offsets in (torch.randn(3, 2, 2, 2, generator=generator), None):
        leaf = offsets if offsets is None else offsets.clone().requires_grad_()
        rest = (0.125, 2, 2, 2, 0.1)
        check(operators.deform_roi_pool.default, (x, rois, leaf, *rest))
        check(operators._deform_roi_pool_backward.default, (grad, x, rois, offsets, *rest))
        rest = (0.125, 2, 2, 2, 2, 0.1)
        check(operators.deform_ps_roi_pool.default, (x, rois, leaf, *rest))
        check(
            operators._deform_ps_roi_pool_backward.default,
            (grad[:, :2].contiguous(), x, rois, offsets, *rest),
        )


def test_deformable_modules_match_the_functions(generator):
    x = random(generator, 1, 8, 6, 7, dtype=torch.float32)
    offset = random(generator, 1, 18, 6, 7, dtype=torch.float32)
    reference = torchvision.ops.DeformConv2d(8, 6, 3, padding=1, groups=2)
    conv = lanner.ops.DeformConv2d(8, 6, 3, padding=1, groups=2)
    conv.load_state_dict(reference.state_dict())
    assert torch.allclose(conv(x, offset), reference(x, offset), atol=1e-5)
    rois = torch.tensor([[0, 0.0, 0.0, 40.0, 40.0]])
    offsets = torch.randn(1, 2, 2, 2, generator=generator)
    pool = lanner.ops.DeformRoIPool(2, 1 / 8, 2)
    assert torch.equal(
        pool(x, rois, offsets), lanner.ops.deform_roi_pool(x, rois, offsets, 2, 1 / 8, 2)
    )
    pool = lanner.ops.DeformPSRoIPool(2, 2, 1 / 8)
    assert torch.equal(pool(x, rois), lanner.ops.deform_ps_roi_pool(x, rois, None, 2, 2, 1 / 8))
    assert "group_size=2" in repr(pool)


def test_depthwise_deform_conv2d_with_many_offset_groups_matches_torchvision(generator):
    x = random(generator, 1, 100, 12, 13, dtype=torch.float32)
    offset = random(generator, 1, 50 * 18, 12, 13, dtype=torch.float32)
    weight = random(generator, 100, 1, 3, 3, dtype=torch.float32)
    result = lanner.ops.deform_conv2d(x, offset, weight, padding=1)
    expected = torchvision.ops.deform_conv2d(x, offset, weight, padding=1)
    assert torch.allclose(result, expected, atol=1e-4)
    grad = torch.randn(result.shape, generator=generator)
    for a, b in zip(
        torch.autograd.grad(result, (x, offset, weight), grad),
        torch.autograd.grad(expected, (x, offset, weight), grad),
    ):
        assert torch.allclose(a, b, atol=1e-3)


@pytest.mark.parametrize("groups", [1, 2])
def test_deform_conv2d_computes_in_float32_under_autocast(groups, generator):
    f = torch.float32
    x, offset = random(generator, 1, 8, 6, 6, dtype=f), random(generator, 1, 18, 6, 6, dtype=f)
    weight = random(generator, 4, 8 // groups, 3, 3, dtype=f)
    expected = torch.autograd.grad(
        lanner.ops.deform_conv2d(x, offset, weight, padding=1).sum(), (x, offset, weight)
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = lanner.ops.deform_conv2d(x, offset, weight, padding=1)
        result = torch.autograd.grad(out.sum(), (x, offset, weight))
    assert all(map(torch.allclose, result, expected))


def test_deform_conv2d_of_padding_alone_is_the_bias():
    x, bias = torch.zeros(1, 2, 0, 5), torch.tensor([1.0, 2.0, 3.0])
    arguments = (x, torch.zeros(1, 2, 2, 7), torch.ones(3, 2, 1, 1), bias, 1, 1)
    expected = torchvision.ops.deform_conv2d(*arguments)
    assert torch.equal(lanner.ops.deform_conv2d(*arguments), expected)
