"""lanner.train, pretrain and evaluate: the program's commands as functions."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import lanner
from lanner import jobs


@pytest.fixture
def data(lanner_program, tmp_path):
    out = tmp_path / "data"
    lanner_program("synth", "--images", 10, "--width", 96, "--height", 80, "--out", out)
    return out


TINY = {
    "preset": "small",
    "resize": {"min_size": 80, "max_size": 96},
    "epochs": 1,
    "amp": False,
    "workers": 1,
}


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"max_minutes": 0.5}, "--max-minutes 0.5"),
        ({"data": pathlib.Path("voc"), "preset": "small"}, "--data voc --preset small"),
        ({"amp": False, "resume": True}, "--amp=false --resume=true"),
        ({"val": None, "epochs": 2}, "--epochs 2"),
        (
            {"roi": {"beta": 0.5}, "resize": {"min_size": 480}},
            "--roi.beta 0.5 --resize.min-size 480",
        ),
        (
            {"backbone": {"norm": None, "deformable": {"stages": [3, 4], "modulated": True}}},
            "--backbone.deformable.stages 3,4 --backbone.deformable.modulated=true",
        ),
        ({"anchors": {"sizes": [[32], [64, 96]]}}, "--anchors.sizes 32;64,96"),
        ({"backbone": {"deformable": {"stages": []}}}, "--backbone.deformable.stages none"),
        ({"lr_factors": ["bias=2", "box=3"]}, "--lr-factors bias=2,box=3"),
        ({"images": ["a", pathlib.Path("b")]}, "--images a b"),
        ({"images": "a"}, "--images a"),
    ],
)
def test_options_become_flags(options, expected):
    assert list(jobs._flags(options)) == expected.split()


def test_detect_returns_what_the_file_holds(data, tmp_path):
    lanner.build(num_classes=4, preset="small", resize={"min_size": 80}).save(tmp_path / "w")
    image = next((data / "JPEGImages").iterdir())
    found = lanner.detect(weights=tmp_path / "w", source=[image], out=tmp_path / "o", conf=0)
    assert found and {o["file_name"] for o in found} == {image.name}
    assert len(found) == len(lanner.load(tmp_path / "w")(image)["boxes"])
    with pytest.raises(FileNotFoundError, match="absent"):
        lanner.detect(weights=tmp_path / "w", source=tmp_path / "absent.jpg", out=tmp_path / "p")


def test_synth_draws_data_to_train_on(tmp_path):
    assert lanner.check_data(data=lanner.synth(out=tmp_path / "d", images=4, width=96))["usable"]


def test_pretrain_train_and_evaluate(data, tmp_path):
    backbone = lanner.pretrain(
        images=[data / "JPEGImages"],
        out=tmp_path / "pre",
        epochs=1,
        batch_size=2,
        image_size=64,
        patch={"size": 16, "stride": 8},
        directions=1,
    )
    weights = lanner.train(
        data=f"{data}:train",
        out=tmp_path / "run",
        init=backbone,
        anchors={"ratios": [0.5, 1.0, 2.0]},
        **TINY,
    )
    assert "anchors.ratios = 0.5,1,2\n" in (tmp_path / "run/config.cfg").read_text()
    assert lanner.load(weights).classes == ["arrow", "leaf", "ring", "star"]
    metrics = lanner.evaluate(weights=weights, data=f"{data}:val")
    assert 0 <= metrics["AP"] <= 1
    file = tmp_path / "m.json"
    assert lanner.evaluate(weights=weights, data=f"{data}:val", metrics_json=file) == metrics
    assert file.exists()
    message = "(?s)another architecture.*misshapen: backbone.body.layer1"
    with pytest.raises(ValueError, match=message):
        lanner.train(
            data=f"{data}:train",
            out=tmp_path / "other",
            init=backbone,
            backbone="resnet50-fpn",
            **TINY,
        )


def test_data_are_checked_and_converted(data, tmp_path):
    report = lanner.check_data(data=f"{data}:val", against=[f"{data}:train"])
    assert report["usable"] and report["images"] == 2 and report["issues"] == []
    out = lanner.convert_data(
        data=data, out=tmp_path / "yolo", to="yolo", split=[50, 50], merge=["leaf=plant", "star=x"]
    )
    report = lanner.check_data(data=out / "data.yaml", json=tmp_path / "r.json")
    assert report["images"] == 5 and "plant" in report["objects_per_class"]
    assert any("no split is named" in note for note in report["notes"])
    assert (tmp_path / "r.json").exists()
    label = next((out / "labels/train").iterdir())
    label.write_text("0 0.5 0.5 0.2\n")
    report = lanner.check_data(data=f"{out}:train")
    assert not report["usable"] and report["issues"][0]["field"] == "line 1"
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        lanner.check_data(data=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="out: the folder is not empty"):
        lanner.convert_data(data=data, out=out)


def test_errors_of_the_program_become_exceptions(data, tmp_path, capfd):
    with pytest.raises(ValueError, match="epochs: expected >= 1, got -1"):
        lanner.train(data=data, out=tmp_path / "run", epochs=-1)
    with pytest.raises(ValueError, match="no-such-option"):
        lanner.train(data=data, out=tmp_path / "run", no_such_option=1)
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        lanner.train(data="nowhere", out=tmp_path / "run")
    assert "error: nowhere" in capfd.readouterr().err


def test_ctrl_c_saves_and_stops_a_run(data, tmp_path):
    program = (
        "import lanner, sys; lanner.train(data=sys.argv[1], out=sys.argv[2], preset='small', "
        "resize={'min_size': 80, 'max_size': 96}, epochs=10000, amp=False, log_every=1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, f"{data}:train", tmp_path / "run"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        for line in process.stderr:
            if "step " in line:
                break
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, error = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert "KeyboardInterrupt" in error
    assert (tmp_path / "run/last.safetensors").exists()
