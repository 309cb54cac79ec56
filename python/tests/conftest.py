import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The program that was built beside the package under test: build/python/lanner -> build/bin/lanner.
import lanner

PROGRAM = pathlib.Path(lanner._core.__file__).parents[2] / "bin" / "lanner"


@pytest.fixture
def lanner_program():
    """Runs the command line; returns the finished process."""

    def run(*arguments, check=True):
        return subprocess.run(
            [PROGRAM, *map(str, arguments)], check=check, capture_output=True, text=True
        )

    return run


@pytest.fixture
def shared_data():
    """The folder of shared real data; the test is skipped where it is absent."""
    place = pathlib.Path(os.environ.get("LANNER_SHARED_DATA", ROOT / ".." / "shared" / "data"))
    if not place.exists():
        pytest.skip(f"{place} is absent")
    return place
