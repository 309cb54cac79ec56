"""The program and package as installed: loading, interruption, threads."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

import lanner


def test_help_does_not_load_torch(lanner_program):
    program = lanner_program("--help").args[0]
    trace = subprocess.run(
        [program, "train", "--help"],
        env={**os.environ, "LD_DEBUG": "libs"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: lanner train" in trace.stdout
    assert "libtorch" not in trace.stderr
    assert "libopencv" not in trace.stderr


def test_the_cuda_library_links_to_libtorch_cuda():
    """No symbol of it is referenced, so the linker could drop it, and no GPU would be found."""
    library = pathlib.Path(lanner._core.__file__).parents[2] / "lib" / "liblanner_ops_cuda.so"
    if not library.exists():
        pytest.skip("built without CUDA")
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True)
    assert "libtorch_cuda.so" in needed.stdout


def test_an_interrupted_run_is_saved_and_can_be_resumed(lanner_program, tmp_path):
    data = tmp_path / "data"
    lanner_program("synth", "--images", 10, "--width", 128, "--height", 96, "--out", data)
    run = ["train", "--data", f"{data}:train", "--out", tmp_path / "run", "--preset", "small"]
    run += ["--resize.min-size", "96", "--resize.max-size", "128", "--log-every", "1"]
    run += ["--max-minutes", 0.2]
    program = lanner_program("--help").args[0]
    process = subprocess.Popen([program, *map(str, run)], stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "metrics.jsonl"
    for _ in range(600):
        if log.exists() and log.read_text():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped by signal 2" in message
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    lanner_program(*run, "--resume")
    resumed_steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert resumed_steps[: len(steps)] == steps


def test_lanner_can_be_imported_before_torch():
    code = "import lanner; print(lanner.build(2, preset='small').classes)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "['1', '2']"


def test_detection_releases_the_gil():
    """Another thread keeps counting during detection."""
    import threading

    import torch

    detector = lanner.build(2)
    counts, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counts[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = counts[0]
    detector(torch.rand(3, 400, 600))
    during = counts[0] - before
    stop.set()
    thread.join()
    assert during > 20


@pytest.mark.parametrize(
    ("form", "file"), [("markdown", "docs/options.md"), ("stubs", "python/lanner/options.pyi")]
)
def test_generated_files_match_the_declared_options(lanner_program, form, file):
    written = (pathlib.Path(__file__).parents[2] / file).read_text()
    assert written == lanner_program("options", form).stdout, "run `make docs`"


def test_stubs_name_everything_that_the_package_exports():
    stubs = (pathlib.Path(lanner.__file__).parent / "__init__.pyi").read_text()
    for name in lanner.__all__:
        assert f"{name} as {name}" in stubs, name
