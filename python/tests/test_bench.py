"""The benchmarks run and report all rows; their times are not checked."""

import json
import pathlib
import re
import subprocess
import sys

import pytest
import torch

import lanner

pytest.importorskip("lanner.bench", reason="wheels do not hold the benchmarks")

from lanner.bench_detect import PEERS, missing_packages  # noqa: E402

BUILD = pathlib.Path(lanner._core.__file__).parents[2]


def check(heading, file):
    numbers = json.loads(file.read_text())
    assert f"{numbers['threads']} threads, {numbers['cpu_capability']}" in heading
    rows = {row["name"]: row for row in numbers["rows"]}
    assert len(rows) == 17
    for name, row in rows.items():
        assert row["lanner_ms"] > 0
        # The only operators that torchvision lacks are those of deformable RoI pooling.
        assert ("ratio" in row) == (not re.match("deform_(ps_)?roi_pool", name)), name
    return set(rows)


def test_program_and_module_time_the_same_operators(lanner_program, tmp_path):
    program_json, module_json = tmp_path / "program.json", tmp_path / "module.json"
    output = lanner_program("bench", "ops", "--runs", 1, "--json", program_json).stdout
    names = check(output, program_json)
    arguments = ["-m", "lanner.bench", "ops", "--runs", "1", "--json", str(module_json)]
    run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    assert check(run.stdout, module_json) == names


def test_detection_is_timed_beside_the_libraries_that_are_installed(tmp_path):
    torch.manual_seed(0)
    lanner.build(num_classes=3, preset="small").save(tmp_path / "d.safetensors")
    arguments = ["-m", "lanner.bench", "detect", "--weights", str(tmp_path / "d.safetensors")]
    arguments += ["--height", "96", "--width", "128", "--runs", "2"]
    arguments += ["--json", str(tmp_path / "times.json")]
    run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    numbers = json.loads((tmp_path / "times.json").read_text())
    assert (numbers["height"], numbers["width"]) == (96, 128)
    rows = {row["name"]: row for row in numbers["rows"]}
    shown = {line[:22].strip() for line in run.stdout.splitlines()}
    for peer in PEERS:
        packages = missing_packages(peer)
        assert (peer in rows) == (peer in shown) == (not packages)
        if packages:
            assert f"{peer}: not installed: {', '.join(packages)}" in run.stdout
    for name, row in rows.items():
        assert 0 < row["least_ms"] <= row["ms"] <= row["most_ms"], name
        assert ("ratio" in row) == (not name.startswith("lanner"))


@pytest.mark.parametrize("device", ["tpu", "cuda:99"])
def test_rejects_unknown_and_absent_devices(device):
    arguments = ["-m", "lanner.bench", "ops", "--device", device]
    run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert run.returncode == 2
    messages = {
        "tpu": "expected cpu, cuda or cuda:N, got tpu",
        "cuda:99": "cuda:99: there is no such GPU",
    }
    assert f"--device: {messages[device]}" in run.stderr


def test_kernels_of_an_instruction_set_define_symbols_only_in_its_namespace():
    """Otherwise the linker could select an AVX-512 version of a function for all callers."""
    objects = list((BUILD / "ops/CMakeFiles").glob("lanner_ops_*.dir/cpu/kernels/*.o"))
    if not objects:
        pytest.skip("the build has no object files")
    for file in objects:
        isa = re.search("lanner_ops_([a-z0-9]+).dir", str(file)).group(1)
        symbols = subprocess.run(
            ["nm", "--defined-only", "--demangle", file], capture_output=True, text=True, check=True
        ).stdout
        shared = [line for line in symbols.splitlines() if re.search(r" [TWVBDRu] ", line)]
        assert shared and all(f"lanner::ops::{isa}::" in line for line in shared), shared
