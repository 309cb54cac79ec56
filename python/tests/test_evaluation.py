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


def pycocotools_numbers(truth, detections):
    return dict(zip(NAMES, pycocotools_evaluation(truth, detections).stats.tolist()))


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


@pytest.mark.parametrize("seed", (1, 2))
def test_classes_have_pycocotools_numbers_and_curves(seed, tmp_path, lanner_program):
    truth, detections = write_random_set(tmp_path, seed)
    evaluation = pycocotools_evaluation(truth, detections)
    found = lanner_numbers(lanner_program, truth, detections, tmp_path)["per_class"]
    # [IoU, recall, category, area, limit]; what is undefined is -1.
    precision, recall = evaluation.eval["precision"][..., 0, 2], evaluation.eval["recall"][..., 0, 2]
    for k, name in enumerate(f"c{i}" for i in evaluation.params.catIds):
        own = found[name]
        assert own["AP"] == pytest.approx(precision[:, :, k].mean(), abs=1e-9)
        assert own["AP75"] == pytest.approx(precision[5, :, k].mean(), abs=1e-9)
        assert own["AR100"] == pytest.approx(recall[:, k].mean(), abs=1e-9)
        assert own["precision"] == pytest.approx(precision[0, :, k].clip(min=0).tolist(), abs=1e-9)
        reached = precision[0, :, k] > 0
        reached[0] = False  # pycocotools gives the first detection's score, right or wrong
        scores = evaluation.eval["scores"][0, :, k, 0, 2]
        assert [own["score"][i] for i in reached.nonzero()[0]] == pytest.approx(scores[reached].tolist())


def test_results_go_out_and_in_as_voc_text(tmp_path, lanner_program):
    truth, detections = write_random_set(tmp_path, 5)
    expected = lanner_numbers(lanner_program, truth, detections, tmp_path)
    folder = tmp_path / "results"
    lanner_program(
        "eval", "--annotations", truth, "--detections", detections, "--save-detections", folder
    )
    assert (folder / "comp4_det_test_c1.txt").exists()
    found = lanner_numbers(lanner_program, truth, folder, tmp_path)
    assert found["AR100"] == pytest.approx(expected["AR100"], abs=0.02)  # ties come in another order
    assert found["per_class"]["c1"]["detections"] == expected["per_class"]["c1"]["detections"]


@pytest.mark.parametrize(
    "text, says",
    [
        ('{"images": [}', "JSON: expected a value, got } at byte 12"),
        ('[{"image_id": 1}]', "images: missing, or not a list"),
        ("", "JSON: the file is empty"),
    ],
)
def test_ground_truth_that_is_none_is_refused(text, says, tmp_path, lanner_program):
    (tmp_path / "gt.json").write_text(text)
    (tmp_path / "dt.json").write_text("[]")
    done = lanner_program(
        "eval", "--annotations", tmp_path / "gt.json", "--detections", tmp_path / "dt.json", check=False
    )
    assert done.returncode == 65
    assert says in done.stderr


def write_set_of_all_errors(folder):
    draw = random.Random(0)
    categories = [{"id": i, "name": f"c{i}"} for i in (1, 2, 3)]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 600, "height": 500} for i in range(1, 40)]
    annotations, detections = [], []

    def detect(image, categories, box):
        category = draw.choice(categories)
        found = {"image_id": image["id"], "category_id": category, "bbox": box, "score": draw.random()}
        detections.append(found)

    for image in images:
        for _ in range(draw.choice([0, 1, 3, 6])):
            x, y, w, h = (draw.uniform(*ends) for ends in [(0, 300), (0, 300), (30, 200), (30, 200)])
            category = draw.choice([1, 2, 3])
            found = {"image_id": image["id"], "category_id": category, "bbox": [x, y, w, h]}
            annotations.append({"id": len(annotations) + 1, "area": w * h, "iscrowd": 0, **found})
            for _ in range(draw.choice([0, 1, 2])):
                corner = [v + draw.gauss(0, 18) for v in (x, y)]
                sides = [max(2, v + draw.gauss(0, 18)) for v in (w, h)]
                detect(image, [category, category, 1], corner + sides)
        for _ in range(draw.choice([0, 2])):
            detect(image, [1, 2, 3], [draw.uniform(0, 400), draw.uniform(0, 300), 90, 90])
    truth = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "gt.json").write_text(json.dumps(truth))
    (folder / "dt.json").write_text(json.dumps(detections))
    return folder / "gt.json", folder / "dt.json"


def test_errors_cost_what_tide_says(tmp_path, lanner_program):
    """The numbers of tidecv 1.0.1 on the same files, in per cent."""
    expected = {
        "class": 3.400476502,
        "localisation": 23.714193241,
        "both": 0.528545277,
        "duplicate": 0.282194731,
        "background": 2.689630423,
        "missed": 8.809974182,
    }
    truth, detections = write_set_of_all_errors(tmp_path)
    out = tmp_path / "metrics.json"
    lanner_program(
        "eval", "--annotations", truth, "--detections", detections, "--errors", "--metrics-json", out
    )
    errors = json.loads(out.read_text())["errors"]
    for name, gain in expected.items():
        assert 100 * errors[name]["ap_gain"] == pytest.approx(gain, abs=1e-6), name
