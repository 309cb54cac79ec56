"""The notebook of the documentation."""

import json
import pathlib

import torchvision  # noqa: F401 (the notebook draws with it)

NOTEBOOK = pathlib.Path(__file__).parents[2] / "docs" / "example" / "first_detector.ipynb"


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names = {}
    for code in codes:
        shorter = code.replace("images=200", "images=20").replace("max_minutes=2", "max_minutes=0.1")
        exec(shorter, names)
    assert set(names["metrics"]) >= {"AP", "AP50", "AP75"}
    assert len(list((tmp_path / "notebook" / "found").glob("*.jpg"))) == 20
