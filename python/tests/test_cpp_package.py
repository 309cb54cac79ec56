"""The installed C++ library, used by an external CMake project: docs/example."""

import pathlib
import subprocess

import torch
import torchvision

import lanner

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(lanner._core.__file__).parents[2]


def test_the_example_builds_against_the_installed_library_and_detects(tmp_path):
    def run(*command):
        process = subprocess.run([*map(str, command)], capture_output=True, text=True)
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    run("cmake", "--install", BUILD, "--prefix", tmp_path / "prefix")
    run("cmake", "-S", ROOT / "docs/example", "-B", tmp_path / "example",
        f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}")  # fmt: skip
    run("cmake", "--build", tmp_path / "example")
    torch.manual_seed(0)
    lanner.build(2, preset="small", roi={"score_threshold": 0.0}).save(tmp_path / "w.safetensors")
    image = (torch.rand(3, 60, 80) * 255).byte()
    torchvision.io.write_png(image, str(tmp_path / "a.png"))
    arguments = tmp_path / "w.safetensors", tmp_path / "a.png", tmp_path / "out.png"
    assert "detections" in run(tmp_path / "example" / "example", *arguments)
    assert (tmp_path / "out.png").exists()
    lines = run(tmp_path / "example" / "plain", *arguments[:2]).splitlines()
    assert all(float(line.split()[1].rstrip(":")) > 0.5 for line in lines)
    report = run(tmp_path / "prefix" / "bin" / "lanner", "doctor")
    assert "lanner::roi_align" in report
