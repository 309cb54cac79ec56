"""Comparison of detections with those of a reference."""

import torch


def assert_same(actual, expected):
    """Asserts equal detections, up to rounding and the order of (nearly) equal scores."""
    rows = [
        torch.cat([d["labels"][:, None] * 1e4, d["boxes"], d["scores"][:, None]], 1)
        for d in (actual, expected)
    ]
    match = torch.cdist(*rows, p=float("inf")).argmin(1)
    assert sorted(match.tolist()) == list(range(len(expected["boxes"])))
    reordered = match != torch.arange(len(match))
    scores = expected["scores"]
    assert ((scores[match] - scores).abs()[reordered] < 1e-5).all()
    difference = (rows[0] - rows[1][match]).abs().max(0).values
    assert difference[0] == 0 and difference[1:5].max() < 0.05 and difference[5] < 1e-3
