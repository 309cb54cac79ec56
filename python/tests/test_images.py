"""Image decoding against Pillow, for every pixel format."""

import numpy as np
import pytest
import torch
from PIL import Image

from lanner import _core


def decoded(path):
    image = _core.read_image(str(path))
    assert image.dtype == torch.uint8
    return image.permute(1, 2, 0).numpy()


def make_image(mode):
    """An image of the mode, and the expected RGB pixels [H, W, 3]."""
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (12, 20, 3), np.uint8)
    gray = np.repeat(rgb[..., :1], 3, 2)
    alpha = rng.integers(0, 256, (12, 20, 1), np.uint8)
    sixteen = rng.integers(0, 65536, (12, 20), np.uint16)
    if mode == "1":
        image = Image.fromarray(rgb[..., 0] > 127)
        return image, np.asarray(image.convert("RGB"))
    if mode == "P":
        image = Image.fromarray(rgb).quantize(16)
        return image, np.asarray(image.convert("RGB"))
    return {
        "L": lambda: (Image.fromarray(rgb[..., 0]), gray),
        "LA": lambda: (Image.fromarray(np.concatenate([rgb[..., :1], alpha], 2), "LA"), gray),
        "RGB": lambda: (Image.fromarray(rgb), rgb),
        "RGBA": lambda: (Image.fromarray(np.concatenate([rgb, alpha], 2)), rgb),
        "I;16": lambda: (
            Image.fromarray(sixteen),
            np.repeat((sixteen >> 8).astype(np.uint8)[..., None], 3, 2),
        ),
    }[mode]()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_drops_alpha_and_reduces_16_bits_to_8(tmp_path, mode, kind):
    image, expected = make_image(mode)
    image.save(tmp_path / f"a.{kind}")
    if (mode, kind) == ("RGBA", "tiff"):  # OpenCV's TIFF reader premultiplies alpha
        expected = expected.astype(int) * np.asarray(image)[..., 3:] // 255
    difference = np.abs(decoded(tmp_path / f"a.{kind}").astype(int) - expected)
    # 16 bits and alpha may be rounded or truncated.
    assert difference.max() <= (1 if mode in ("I;16", "RGBA") else 0)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_gray_rgb_and_cmyk_jpegs_match_pillow(tmp_path, mode):
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    constant = np.full((48, 64), 90, np.uint8)
    channels = [np.tile(ramp, (48, 1)), np.tile(255 - ramp, (48, 1)), constant]
    smooth = Image.fromarray(np.stack(channels, 2))
    smooth.convert(mode).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(decoded(tmp_path / "a.jpg") - expected).max() <= 3


def test_the_png_suite_matches_pillow(shared_data):
    compared = 0
    # Files that begin with x are broken; the C++ tests check that they are rejected.
    for path in sorted((shared_data / "nasty" / "png").glob("pngsuite_[!x]*.png")):
        image = Image.open(path)
        if image.mode.startswith("I"):
            gray = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)
            expected = np.repeat(gray[..., None], 3, 2)
        else:
            expected = np.asarray(image.convert("RGBA"))[..., :3]
        difference = np.abs(decoded(path).astype(int) - expected)
        assert difference.max() <= 1, path.name
        compared += 1
    assert compared > 100
