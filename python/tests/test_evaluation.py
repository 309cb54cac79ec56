"""`lanner eval` against pycocotools."""

import contextlib
import io
import json
import random

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

NAMES = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()


def pycocotools_evaluation(truth, detections):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        evaluation = COCOeval(coco, coco.loadRes(str(detections)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def pycocotools_metrics(truth, detections):
    return dict(zip(NAMES, pycocotools_evaluation(truth, detections).stats.tolist()))


def write_random_data(folder, seed):
    """Writes data with ties, crowds, empty classes, empty images and gaps in the ids."""
    rng = random.Random(seed)
    categories = [{"id": i, "name": f"c{i}"} for i in (1, 2, 5, 9, 40)]
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": 600, "height": 500} for i in range(3, 90, 3)
    ]
    annotations, detections = [], []
    for image in images:
        for _ in range(rng.choice([0, 1, 3, 12])):
            side = rng.choice([12, 32, 60, 96, 200])
            box = [rng.randint(0, 300), rng.randint(0, 300), side, rng.choice([side, side + 7.5])]
            category = rng.choice([1, 2, 5])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "bbox": box,
                    "area": box[2] * box[3] * rng.choice([1, 0.6]),
                    "iscrowd": int(rng.random() < 0.1),
                }
            )
            for _ in range(rng.choice([0, 1, 1, 2])):
                shifted = [v + rng.choice([0, 0, 1, -2, 5.25]) for v in box]
                detections.append((image["id"], rng.choice([category] * 4 + [9]), shifted))
        for _ in range(rng.choice([0, 2, 120])):
            box = [rng.uniform(*limits) for limits in [(0, 400), (0, 400), (5, 150), (5, 150)]]
            detections.append((image["id"], rng.choice([1, 2, 5, 9]), box))
    results = [
        {
            "image_id": image_id,
            "category_id": category,
            "bbox": box,
            "score": rng.choice([0.1, 0.25, 0.5, rng.random()]),
        }
        for image_id, category, box in detections
    ]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "gt.json").write_text(json.dumps(truth))
    (folder / "dt.json").write_text(json.dumps(results))
    return folder / "gt.json", folder / "dt.json"


def lanner_metrics(program, truth, detections, folder):
    out = folder / "metrics.json"
    program("eval", "--annotations", truth, "--detections", detections, "--metrics-json", out)
    return json.loads(out.read_text())


@pytest.mark.parametrize("seed", range(8))
def test_metrics_of_random_data_match_pycocotools(seed, tmp_path, lanner_program):
    truth, detections = write_random_data(tmp_path, seed)
    expected = pycocotools_metrics(truth, detections)
    found = lanner_metrics(lanner_program, truth, detections, tmp_path)
    for name in NAMES:
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


def test_metrics_of_coco_reference_data_match_pycocotools(tmp_path, lanner_program, shared_data):
    folder = shared_data / "coco_reference"
    files = folder / "ground_truth.json", folder / "detections.json"
    expected = pycocotools_metrics(*files)
    found = lanner_metrics(lanner_program, *files, tmp_path)
    for name in NAMES:
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


@pytest.mark.parametrize("seed", (1, 2))
def test_metrics_and_curves_per_class_match_pycocotools(seed, tmp_path, lanner_program):
    truth, detections = write_random_data(tmp_path, seed)
    evaluation = pycocotools_evaluation(truth, detections)
    found = lanner_metrics(lanner_program, truth, detections, tmp_path)["per_class"]
    # [IoU, recall, category, area range, max detections]; undefined values are -1.
    precision, recall = (evaluation.eval[name][..., 0, 2] for name in ("precision", "recall"))
    for k, name in enumerate(f"c{i}" for i in evaluation.params.catIds):
        metrics = found[name]
        assert metrics["AP"] == pytest.approx(precision[:, :, k].mean(), abs=1e-9)
        assert metrics["AP75"] == pytest.approx(precision[5, :, k].mean(), abs=1e-9)
        assert metrics["AR100"] == pytest.approx(recall[:, k].mean(), abs=1e-9)
        curve = precision[0, :, k].clip(min=0).tolist()
        assert metrics["precision"] == pytest.approx(curve, abs=1e-9)
        reached = precision[0, :, k] > 0
        reached[0] = False  # pycocotools uses the first detection's score even if it is wrong
        scores = evaluation.eval["scores"][0, :, k, 0, 2]
        found_scores = [metrics["score"][i] for i in reached.nonzero()[0]]
        assert found_scores == pytest.approx(scores[reached].tolist())


def test_results_survive_a_round_trip_through_voc_text_files(tmp_path, lanner_program):
    truth, detections = write_random_data(tmp_path, 5)
    expected = lanner_metrics(lanner_program, truth, detections, tmp_path)
    folder = tmp_path / "results"
    lanner_program(
        "eval", "--annotations", truth, "--detections", detections, "--save-detections", folder
    )
    assert (folder / "comp4_det_test_c1.txt").exists()
    found = lanner_metrics(lanner_program, truth, folder, tmp_path)
    # The order of ties changes.
    assert found["AR100"] == pytest.approx(expected["AR100"], abs=0.02)
    assert found["per_class"]["c1"]["detections"] == expected["per_class"]["c1"]["detections"]


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"images": [}', "JSON: expected a value, got } at byte 12"),
        ('[{"image_id": 1}]', "JSON: these are detections (COCO results), not annotations"),
        ('[{"x": 1}]', "images: missing, or not a list"),
        ("", "JSON: the file is empty"),
    ],
)
def test_rejects_malformed_ground_truth(text, message, tmp_path, lanner_program):
    (tmp_path / "gt.json").write_text(text)
    (tmp_path / "dt.json").write_text("[]")
    files = ("--annotations", tmp_path / "gt.json", "--detections", tmp_path / "dt.json")
    process = lanner_program("eval", *files, check=False)
    assert process.returncode == 65
    assert message in process.stderr


def write_data_with_all_errors(folder):
    rng = random.Random(0)
    categories = [{"id": i, "name": f"c{i}"} for i in (1, 2, 3)]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 600, "height": 500} for i in range(1, 40)]
    annotations, detections = [], []

    def detect(image, categories, box):
        category = rng.choice(categories)
        detection = {"image_id": image["id"], "category_id": category, "bbox": box}
        detections.append({**detection, "score": rng.random()})

    for image in images:
        for _ in range(rng.choice([0, 1, 3, 6])):
            x, y, w, h = (rng.uniform(*ends) for ends in [(0, 300), (0, 300), (30, 200), (30, 200)])
            category = rng.choice([1, 2, 3])
            truth = {"image_id": image["id"], "category_id": category, "bbox": [x, y, w, h]}
            annotations.append({"id": len(annotations) + 1, "area": w * h, "iscrowd": 0, **truth})
            for _ in range(rng.choice([0, 1, 2])):
                corner = [v + rng.gauss(0, 18) for v in (x, y)]
                sides = [max(2, v + rng.gauss(0, 18)) for v in (w, h)]
                detect(image, [category, category, 1], corner + sides)
        for _ in range(rng.choice([0, 2])):
            detect(image, [1, 2, 3], [rng.uniform(0, 400), rng.uniform(0, 300), 90, 90])
    truth = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "gt.json").write_text(json.dumps(truth))
    (folder / "dt.json").write_text(json.dumps(detections))
    return folder / "gt.json", folder / "dt.json"


def test_costs_of_errors_match_tide(tmp_path, lanner_program):
    """The expected values, in percent, are those of tidecv 1.0.1 on the same files."""
    expected = {
        "class": 3.400476502,
        "localization": 23.714193241,
        "both": 0.528545277,
        "duplicate": 0.282194731,
        "background": 2.689630423,
        "missed": 8.809974182,
    }
    truth, detections = write_data_with_all_errors(tmp_path)
    out = tmp_path / "metrics.json"
    files = ("--annotations", truth, "--detections", detections)
    lanner_program("eval", *files, "--errors", "--metrics-json", out)
    errors = json.loads(out.read_text())["errors"]
    for name, gain in expected.items():
        assert 100 * errors[name]["ap_gain"] == pytest.approx(gain, abs=1e-6), name
