"""The two benchmarks, once through; their times are nobody's business here."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

import lanner

BUILD = pathlib.Path(lanner._core.__file__).parents[2]


def check(heading, file):
    numbers = json.loads(file.read_text())
    assert f"{numbers['threads']} threads, {numbers['cpu_capability']}" in heading
    rows = {row["name"]: row for row in numbers["rows"]}
    assert len(rows) == 17
    for name, row in rows.items():
        assert row["lanner_ms"] > 0
        # torchvision, which the tests have, lacks deformable RoI pooling alone
        assert ("ratio" in row) == (not re.match("deform_(ps_)?roi_pool", name)), name
    return set(rows)


def test_both_benchmarks_time_the_same_operators_beside_torchvision(lanner_program, tmp_path):
    shell, python = tmp_path / "shell.json", tmp_path / "python.json"
    out = lanner_program("bench", "ops", "--runs", 1, "--json", shell).stdout
    names = check(out, shell)
    arguments = ["-m", "lanner.bench", "ops", "--runs", "1", "--json", str(python)]
    run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    assert check(run.stdout, python) == names


@pytest.mark.parametrize("device", ["tpu", "cuda:99"])
def test_devices_that_are_not_there_are_refused_by_name(device):
    arguments = ["-m", "lanner.bench", "ops", "--device", device]
    run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert run.returncode == 2
    words = {"tpu": "expected cpu, cuda or cuda:N, got tpu", "cuda:99": "cuda:99: there is no such GPU"}
    assert f"--device: {words[device]}" in run.stderr


def test_kernels_for_an_instruction_set_define_nothing_outside_its_namespace():
    """Else the linker might take a function compiled for AVX-512 for everybody's."""
    objects = list((BUILD / "ops/CMakeFiles").glob("lanner_ops_*.dir/cpu/kernels/*.o"))
    if not objects:
        pytest.skip("no object files here")
    for file in objects:
        isa = re.search("lanner_ops_([a-z0-9]+).dir", str(file)).group(1)
        symbols = subprocess.run(
            ["nm", "--defined-only", "--demangle", file], capture_output=True, text=True, check=True
        ).stdout
        shared = [line for line in symbols.splitlines() if re.search(r" [TWVBDRu] ", line)]
        assert shared and all(f"lanner::ops::{isa}::" in line for line in shared), shared
