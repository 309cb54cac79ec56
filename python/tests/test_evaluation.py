"""`lanner eval` against pycocotools."""

import contextlib
import io
import json
import random

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

NAMES = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()


def pycocotools_numbers(truth, detections):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        evaluation = COCOeval(coco, coco.loadRes(str(detections)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(NAMES, evaluation.stats.tolist()))


def write_random_set(folder, seed):
    """A set with ties, crowds, empty classes and images, and gaps in its ids."""
    draw = random.Random(seed)
    categories = [{"id": i, "name": f"c{i}"} for i in (1, 2, 5, 9, 40)]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 600, "height": 500} for i in range(3, 90, 3)]
    annotations, detections = [], []
    for image in images:
        for _ in range(draw.choice([0, 1, 3, 12])):
            side = draw.choice([12, 32, 60, 96, 200])
            box = [draw.randint(0, 300), draw.randint(0, 300), side, draw.choice([side, side + 7.5])]
            category = draw.choice([1, 2, 5])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "bbox": box,
                    "area": box[2] * box[3] * draw.choice([1, 0.6]),
                    "iscrowd": int(draw.random() < 0.1),
                }
            )
            for _ in range(draw.choice([0, 1, 1, 2])):
                moved = [v + draw.choice([0, 0, 1, -2, 5.25]) for v in box]
                detections.append((image["id"], draw.choice([category] * 4 + [9]), moved))
        for _ in range(draw.choice([0, 2, 120])):
            box = [draw.uniform(0, 400), draw.uniform(0, 400), draw.uniform(5, 150), draw.uniform(5, 150)]
            detections.append((image["id"], draw.choice([1, 2, 5, 9]), box))
    results = [
        {"image_id": i, "category_id": c, "bbox": b, "score": draw.choice([0.1, 0.25, 0.5, draw.random()])}
        for i, c, b in detections
    ]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "gt.json").write_text(json.dumps(truth))
    (folder / "dt.json").write_text(json.dumps(results))
    return folder / "gt.json", folder / "dt.json"


def lanner_numbers(program, truth, detections, folder):
    out = folder / "metrics.json"
    program("eval", "--annotations", truth, "--detections", detections, "--metrics-json", out)
    return json.loads(out.read_text())


@pytest.mark.parametrize("seed", range(8))
def test_random_sets_give_pycocotools_numbers(seed, tmp_path, lanner_program):
    truth, detections = write_random_set(tmp_path, seed)
    expected = pycocotools_numbers(truth, detections)
    found = lanner_numbers(lanner_program, truth, detections, tmp_path)
    for name in NAMES:
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


def test_coco_reference_gives_pycocotools_numbers(tmp_path, lanner_program, shared_data):
    folder = shared_data / "coco_reference"
    files = folder / "ground_truth.json", folder / "detections.json"
    expected = pycocotools_numbers(*files)
    found = lanner_numbers(lanner_program, *files, tmp_path)
    for name in NAMES:
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name
