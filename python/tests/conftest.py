import importlib.util
import os
import pathlib
import re
import signal
import subprocess

import pytest

from lanner.jobs import _PROGRAM as PROGRAM

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A script that runs the tests in the background, or with nohup, has them ignore signals, and so would
# the programs do that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _absent_package(test):
    """The first package that a test file imports and that is not installed."""
    names = re.findall(r"^(?:import|from) (\w+)", test.read_text(), re.MULTILINE)
    return next((name for name in names if not importlib.util.find_spec(name)), None)


# Where lanner is installed beside torch alone, what compares it with others is left out, and named.
_absent = {
    test.name: package
    for test in sorted(pathlib.Path(__file__).parent.glob("test_*.py"))
    if (package := _absent_package(test))
}
collect_ignore = list(_absent)


def pytest_report_header():
    return [f"{test} is left out: {package} is not installed" for test, package in _absent.items()]


@pytest.fixture
def running_programs():
    """A function that returns the numbers of the running processes of lanner with a text in their
    command lines."""

    def find(text):
        numbers = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it has ended
                continue
            if pathlib.Path(words[0]).name == "lanner" and text in " ".join(words):
                numbers.append(int(folder.name))
        return sorted(numbers)

    return find


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
