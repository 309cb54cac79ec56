import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
import lanner

# The program of the same build as the package: build/python/lanner -> build/bin/lanner.
PROGRAM = pathlib.Path(lanner._core.__file__).parents[2] / "bin" / "lanner"


@pytest.fixture
def lanner_program():
    """A function that runs the program and returns the completed process."""

    def run(*arguments, check=True):
        return subprocess.run(
            [PROGRAM, *map(str, arguments)], check=check, capture_output=True, text=True
        )

    return run


@pytest.fixture
def shared_data():
    """The folder of shared real data. Skips the test if it does not exist."""
    folder = pathlib.Path(os.environ.get("LANNER_SHARED_DATA", ROOT / ".." / "shared" / "data"))
    if not folder.exists():
        pytest.skip(f"{folder} does not exist")
    return folder
