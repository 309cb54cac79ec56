"""The package as a user meets it."""

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


def test_the_cuda_library_brings_libtorch_cuda():
    """Nothing names a symbol of it, so that a linker may leave it out: then no GPU is ever found."""
    library = pathlib.Path(lanner._core.__file__).parents[2] / "lib" / "liblanner_ops_cuda.so"
    if not library.exists():
        pytest.skip("built without CUDA")
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True)
    assert "libtorch_cuda.so" in needed.stdout


def test_an_interrupted_run_saves_says_so_and_can_be_resumed(lanner_program, tmp_path):
    lanner_program("synth", "--images", 10, "--width", 128, "--height", 96, "--out", tmp_path / "d")
    run = ["train", "--data", f"{tmp_path / 'd'}:train", "--out", tmp_path / "run"]
    run += ["--preset", "small", "--min-size", "96", "--max-size", "128", "--log-every", "1"]
    program = lanner_program("--help").args[0]
    process = subprocess.Popen([program, *map(str, run)], stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "metrics.jsonl"
    for _ in range(600):
        if log.exists() and log.read_text():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped by signal 2" in words
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    lanner_program(*run, "--resume", "--max-minutes", 0.01)
    again = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert again[: len(steps)] == steps


def test_importing_lanner_alone_is_enough():
    code = "import lanner; print(lanner.build(2, preset='small').classes)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['1', '2']"


def test_the_global_lock_is_free_while_it_computes():
    """A counting thread goes on during detection."""
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
