"""Detections compared with another detector's."""

import torch


def assert_same(found, expected):
    """As many, in the same order but for scores that differ in the sixth digit or not at all."""
    rows = [
        torch.cat([d["labels"][:, None] * 1e4, d["boxes"], d["scores"][:, None]], 1)
        for d in (found, expected)
    ]
    partner = torch.cdist(*rows, p=float("inf")).argmin(1)
    assert sorted(partner.tolist()) == list(range(len(expected["boxes"])))
    moved = partner != torch.arange(len(partner))
    scores = expected["scores"]
    assert ((scores[partner] - scores).abs()[moved] < 1e-5).all()
    difference = (rows[0] - rows[1][partner]).abs().max(0).values
    assert difference[0] == 0 and difference[1:5].max() < 0.05 and difference[5] < 1e-3
