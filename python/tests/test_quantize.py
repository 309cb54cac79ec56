"""Detectors quantized to int8."""

import copy
import subprocess

import pytest
import torch

import lanner
from lanner.jobs import _PROGRAM


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantize")
    data = lanner.synth(out=folder / "data", images=80, width=128, height=96)
    weights = lanner.train(data=f"{data}:train", val=f"{data}:val", out=folder / "run", preset="small",
                           epochs=30, resize={"min_size": 96, "max_size": 128}, amp=False,
                           anchors={"sizes": [[12, 20], [24, 32], [48, 64]]},
                           backbone={"width": 16}, evaluations=1)  # fmt: skip
    return data, weights


def test_a_quantized_detector_finds_what_the_detector_finds(trained, tmp_path):
    data, weights = trained
    out = lanner.quantize(weights=weights, data=f"{data}:train", out=tmp_path / "q.safetensors", evaluate=False)
    assert out.stat().st_size < 0.35 * weights.stat().st_size
    before, after = (lanner.evaluate(weights=file, data=f"{data}:train")["AP50"] for file in (weights, out))
    assert before > 0.15
    assert after > before - 0.03
    image = torch.rand(3, 96, 128)
    detector = lanner.load(out)
    assert set(detector(image)) == {"boxes", "labels", "scores"}
    copied = copy.deepcopy(detector)
    assert torch.equal(copied(image)["boxes"], detector(image)["boxes"])
    assert copied.state_dict()["backbone.body.conv1.quantized.weight"].data_ptr() != \
        detector.state_dict()["backbone.body.conv1.quantized.weight"].data_ptr()  # fmt: skip
    assert len(lanner.load(out, roi={"max_detections": 1})(image)["boxes"]) <= 1
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(detector(image)["boxes"], lanner.load(out)(image)["boxes"])
    with pytest.raises(ValueError, match="cannot be trained"):
        detector.train()([image], [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}])


def test_images_without_labels_are_enough_and_the_command_lists_the_layers(trained, tmp_path):
    data, weights = trained
    words = [_PROGRAM, "quantize", "--weights", weights, "--out", tmp_path / "q.safetensors"]
    result = subprocess.run([*words, "--images", data / "JPEGImages", "--count", "5", "--float-layers", "conv1",
                             "fpn"], capture_output=True, text=True, check=True)  # fmt: skip
    assert "backbone.body.conv1" in result.stdout
    assert "stays as it is" in result.stdout and "before" not in result.stdout
    labelled = subprocess.run([*words, "--data", f"{data}:val"], capture_output=True, text=True, check=True)
    assert "before" in labelled.stdout and "AP leaf" in labelled.stdout


def test_what_makes_no_sense_is_refused(trained, tmp_path):
    data, weights = trained
    out = tmp_path / "q.safetensors"
    with pytest.raises(ValueError, match="expected --data or --images"):
        lanner.quantize(weights=weights, out=out)
    with pytest.raises(ValueError, match="range: expected"):
        lanner.quantize(weights=weights, out=out, images=data / "JPEGImages", range="all")
    with pytest.raises(ValueError, match='no layer\'s name holds "nowhere"'):
        lanner.quantize(weights=weights, out=out, images=data / "JPEGImages", float_layers=["nowhere"])
    lanner.quantize(weights=weights, out=out, images=data / "JPEGImages", count=2)
    with pytest.raises(ValueError, match="would write over the weights"):
        lanner.quantize(weights=weights, out=weights, images=data / "JPEGImages")
    with pytest.raises(ValueError, match="quantized already"):
        lanner.quantize(weights=out, out=tmp_path / "r.safetensors", images=data / "JPEGImages")
    with pytest.raises(ValueError, match="a quantized detector cannot be trained"):
        lanner.train(data=f"{data}:train", out=tmp_path / "run", init=out, epochs=1)
