"""Decoding, against Pillow: every form that a file may keep its pixels in."""

import numpy as np
import pytest
from lanner import _core
from PIL import Image


def decoded(path):
    return _core.read_image(str(path)).mul(255).round().byte().permute(1, 2, 0).numpy()


def picture(mode):
    """A picture of the mode, and what should be seen of it."""
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (12, 20, 3), np.uint8)
    grey = np.repeat(rgb[..., :1], 3, 2)
    alpha = rng.integers(0, 256, (12, 20, 1), np.uint8)
    sixteen = rng.integers(0, 65536, (12, 20), np.uint16)
    if mode == "1":
        image = Image.fromarray(rgb[..., 0] > 127)
        return image, np.asarray(image.convert("RGB"))
    if mode == "P":
        image = Image.fromarray(rgb).quantize(16)
        return image, np.asarray(image.convert("RGB"))
    return {
        "L": lambda: (Image.fromarray(rgb[..., 0]), grey),
        "LA": lambda: (Image.fromarray(np.concatenate([rgb[..., :1], alpha], 2), "LA"), grey),
        "RGB": lambda: (Image.fromarray(rgb), rgb),
        "RGBA": lambda: (Image.fromarray(np.concatenate([rgb, alpha], 2)), rgb),
        "I;16": lambda: (
            Image.fromarray(sixteen),
            np.repeat((sixteen >> 8).astype(np.uint8)[..., None], 3, 2),
        ),
    }[mode]()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_pixels_are_the_files_own_alpha_dropped_and_sixteen_bits_cut_to_eight(tmp_path, mode, kind):
    image, expected = picture(mode)
    image.save(tmp_path / f"a.{kind}")
    if (mode, kind) == ("RGBA", "tiff"):  # OpenCV's TIFF reader lays it on black
        expected = expected.astype(int) * np.asarray(image)[..., 3:] // 255
    difference = np.abs(decoded(tmp_path / f"a.{kind}").astype(int) - expected)
    assert difference.max() <= (1 if mode in ("I;16", "RGBA") else 0)  # cut or rounded to eight bits


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpegs_of_one_three_and_four_channels_look_as_pillow_shows_them(tmp_path, mode):
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    channels = [np.tile(ramp, (48, 1)), np.tile(255 - ramp, (48, 1)), np.full((48, 64), 90, np.uint8)]
    smooth = Image.fromarray(np.stack(channels, 2))
    smooth.convert(mode).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(decoded(tmp_path / "a.jpg") - expected).max() <= 3


def test_the_png_suite_looks_as_pillow_shows_it(shared_data):
    compared = 0
    # Those that begin with x are broken: the C++ tests see to it that they are refused.
    for path in sorted((shared_data / "nasty" / "png").glob("pngsuite_[!x]*.png")):
        image = Image.open(path)
        if image.mode.startswith("I"):
            grey = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)
            expected = np.repeat(grey[..., None], 3, 2)
        else:
            expected = np.asarray(image.convert("RGBA"))[..., :3]
        difference = np.abs(decoded(path).astype(int) - expected)
        assert difference.max() <= 1, path.name
        compared += 1
    assert compared > 100
