"""lanner.train, pretrain and evaluate: the program's jobs as functions."""

import os
import signal
import subprocess
import sys
import time

import lanner
import pytest


@pytest.fixture
def data(lanner_program, tmp_path):
    lanner_program("synth", "--images", 10, "--width", 96, "--height", 80, "--out", tmp_path / "data")
    return tmp_path / "data"


TINY = {"preset": "small", "min_size": 80, "max_size": 96, "epochs": 1, "amp": False, "workers": 1}


def test_the_whole_way_from_unlabelled_images_to_numbers(data, tmp_path):
    backbone = lanner.pretrain(images=[data / "JPEGImages"], out=tmp_path / "pre", epochs=1, batch_size=2,
                               image_size=64, patch_size=16, patch_stride=8, directions=1)  # fmt: skip
    weights = lanner.train(data=f"{data}:train", out=tmp_path / "run", init=backbone,
                           anchor_ratios=[0.5, 1.0, 2.0], **TINY)  # fmt: skip
    assert "anchor-ratios = 0.5,1.0,2.0" in (tmp_path / "run/config.cfg").read_text()
    assert lanner.load(weights).classes == ["arrow", "leaf", "ring", "star"]
    metrics = lanner.evaluate(weights=weights, data=f"{data}:val")
    assert 0 <= metrics["AP"] <= 1
    assert lanner.evaluate(weights=weights, data=f"{data}:val", metrics_json=tmp_path / "m.json") == metrics
    assert (tmp_path / "m.json").exists()
    with pytest.raises(ValueError, match="(?s)another architecture.*misshapen: backbone.body.layer1"):
        lanner.train(data=f"{data}:train", out=tmp_path / "other", init=backbone, backbone="resnet50-fpn", **TINY)


def test_what_the_program_refuses_is_raised_with_its_words(data, tmp_path, capfd):
    with pytest.raises(ValueError, match="epochs: expected a positive number, got -1"):
        lanner.train(data=data, out=tmp_path / "run", epochs=-1)
    with pytest.raises(ValueError, match="no-such-option"):
        lanner.train(data=data, out=tmp_path / "run", no_such_option=1)
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        lanner.train(data="nowhere", out=tmp_path / "run")
    assert "error: nowhere" in capfd.readouterr().err


def test_ctrl_c_stops_a_run_which_can_go_on(data, tmp_path):
    program = "import lanner, sys; lanner.train(data=sys.argv[1], out=sys.argv[2], preset='small', " \
              "min_size=80, max_size=96, epochs=10000, amp=False, log_every=1)"  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", program, f"{data}:train", tmp_path / "run"],
                               stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip
    for line in process.stderr:
        if "step " in line:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    began = time.monotonic()
    _, error = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in error and time.monotonic() - began < 60
    assert (tmp_path / "run/last.safetensors").exists()
