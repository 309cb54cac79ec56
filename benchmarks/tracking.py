"""Follows drawn objects whose numbers are known, and scores it with the package motmetrics.

python benchmarks/tracking.py OUT [--minutes 6] [--frames 1000] [--seed 1]

Draws scenes of moving disks, squares and triangles that hide each other, trains a detector on single
frames, runs `lanner detect --track` on a film of other objects, and prints MOTA, IDF1 and the number
of switches. Requires `pip install av motmetrics pillow`.
"""

import argparse
import json
import math
import pathlib
import random
import subprocess

import av
import motmetrics
import numpy
import PIL.Image
import PIL.ImageDraw

import lanner
from lanner.jobs import _PROGRAM

WIDTH, HEIGHT, CLASSES = 480, 360, ("disk", "square", "triangle")


class Thing:
    def __init__(self, number, rng):
        self.number, self.label = number, rng.randrange(3)
        self.size = rng.uniform(14, 30)
        self.x, self.y = rng.uniform(40, WIDTH - 40), rng.uniform(40, HEIGHT - 40)
        angle, speed = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 3)
        self.dx, self.dy = speed * math.cos(angle), speed * math.sin(angle)
        self.color = tuple(rng.randrange(60, 256) for _ in range(3))

    def move(self):
        self.x, self.y = self.x + self.dx, self.y + self.dy
        if not self.size < self.x < WIDTH - self.size:
            self.dx = -self.dx
        if not self.size < self.y < HEIGHT - self.size:
            self.dy = -self.dy

    def box(self):
        return self.x - self.size, self.y - self.size, self.x + self.size, self.y + self.size

    def draw(self, canvas):
        left, top, right, bottom = self.box()
        if self.label == 0:
            canvas.ellipse(self.box(), fill=self.color)
        elif self.label == 1:
            canvas.rectangle(self.box(), fill=self.color)
        else:
            canvas.polygon([(self.x, top), (right, bottom), (left, bottom)], fill=self.color)


def visible_part(index, things):
    """The part of an object's box that those drawn after it leave free."""
    left, top, right, bottom = (round(v) for v in things[index].box())
    free = numpy.ones((bottom - top, right - left), bool)
    for other in things[index + 1 :]:
        a, b, c, d = (round(v) for v in other.box())
        free[max(0, b - top) : max(0, d - top), max(0, a - left) : max(0, c - left)] = False
    return free.mean()


def film(frames, things, rng):
    """Pictures and what can be seen in each: (number, label, box)."""
    ground = numpy.random.default_rng(rng.randrange(2**31)).integers(0, 60, (HEIGHT // 4, WIDTH // 4, 3))
    ground = PIL.Image.fromarray(ground.astype("uint8")).resize((WIDTH, HEIGHT))
    for _ in range(frames):
        picture = ground.copy()
        canvas = PIL.ImageDraw.Draw(picture)
        for thing in things:
            thing.draw(canvas)
        yield picture, [
            (t.number, t.label, t.box()) for i, t in enumerate(things) if visible_part(i, things) > 0.3
        ]
        for thing in things:
            thing.move()


def write_training_set(out, rng):
    for split, count in (("train", 300), ("val", 40)):
        for i in range(count):
            things = [Thing(j, rng) for j in range(rng.randrange(4, 12))]
            picture, seen = next(film(1, things, rng))
            for kind in ("images", "labels"):
                (out / kind / split).mkdir(parents=True, exist_ok=True)
            picture.save(out / "images" / split / f"{i}.png")
            lines = [
                f"{label} {(b[0] + b[2]) / 2 / WIDTH} {(b[1] + b[3]) / 2 / HEIGHT} "
                f"{(b[2] - b[0]) / WIDTH} {(b[3] - b[1]) / HEIGHT}\n"
                for _, label, b in seen
            ]
            (out / "labels" / split / f"{i}.txt").write_text("".join(lines))
    (out / "classes.txt").write_text("\n".join(CLASSES) + "\n")


def distances(seen, objects):
    """1 - IoU of all pairs, NaN above 0.5 and between classes, [seen, objects]."""
    if not seen or not objects:
        return numpy.empty((len(seen), len(objects)))
    a = numpy.float64([box for _, _, box in seen])[:, None]
    b = numpy.float64([o["bbox"] for o in objects])[None]
    b = numpy.concatenate([b[..., :2], b[..., :2] + b[..., 2:]], -1)
    sides = numpy.minimum(a[..., 2:], b[..., 2:]) - numpy.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(0).prod(-1)
    areas = [(x[..., 2:] - x[..., :2]).prod(-1) for x in (a, b)]
    result = 1 - shared / (areas[0] + areas[1] - shared)
    labels = numpy.array([CLASSES[label] for _, label, _ in seen])[:, None]
    same = labels == numpy.array([o["category"] for o in objects])
    return numpy.where(same & (result <= 0.5), result, numpy.nan)


def score(truth, found):
    metrics = motmetrics.MOTAccumulator(auto_id=True)
    for seen, objects in zip(truth, found):
        numbers, tracks = [n for n, _, _ in seen], [o["track"] for o in objects]
        metrics.update(numbers, tracks, distances(seen, objects))
    names = ["num_frames", "mota", "idf1", "num_switches", "num_false_positives", "num_misses"]
    return motmetrics.metrics.create().compute(metrics, metrics=names).iloc[0].to_dict()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--objects", type=int, default=10)
    options = parser.parse_args()
    weights = options.out / "run" / "best.safetensors"
    if not weights.exists():
        write_training_set(options.out / "data", random.Random(0))
        data = f"{options.out}/data"
        lanner.train(data=f"{data}:train", val=f"{data}:val", out=options.out / "run",
                     max_minutes=options.minutes)  # fmt: skip
    rng = random.Random(options.seed)
    things = [Thing(i, rng) for i in range(options.objects)]
    truth = []
    with av.open(str(options.out / "film.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture, seen in film(options.frames, things, rng):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            truth.append(seen)
        container.mux(stream.encode())
    lines = options.out / "found.jsonl"
    subprocess.run([_PROGRAM, "detect", "--weights", weights, options.out / "film.mp4", "--track",
                    "--save-video", "--save-jsonl", lines, "--out", options.out / "found"],
                   check=True)  # fmt: skip
    found = [json.loads(line)["objects"] for line in lines.read_text().splitlines()]
    assert len(found) == len(truth)
    print(json.dumps(score(truth, found), indent=1))


if __name__ == "__main__":
    main()
