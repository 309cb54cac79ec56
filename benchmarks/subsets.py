"""Subsets of the shared data with few labels, and the rest without."""

import contextlib
import json
import pathlib
import random

from runs import drawn_scenes


def _link(path: pathlib.Path, target: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # another process may have created it
        path.symlink_to(target)


class Subsets:
    """Of `name`: bccd, asl (hand signs) or synth (800 drawn scenes for training, 200 for val)."""

    def __init__(self, name: str, lanner, shared: pathlib.Path, runs: pathlib.Path):
        self.name, self.runs = name, runs.resolve()
        self.runs.mkdir(parents=True, exist_ok=True)
        shared, synth = shared.resolve(), self.runs / "data"
        self.root = {"bccd": shared / "bccd", "asl": shared / "asl_letters", "synth": synth}[name]
        if name == "synth":
            drawn_scenes(lanner, synth)

    def split(self, name: str) -> str:
        """DATA[:SPLIT] of a split; synth has no test, its val stands for it."""
        if self.name == "asl":
            return f"{self.root}/annotations/instances_{'valid' if name == 'val' else name}.json"
        return f"{self.root}:{'val' if (self.name, name) == ('synth', 'test') else name}"

    def _coco(self) -> dict:
        return json.loads((self.root / "annotations/instances_train.json").read_text())

    def training_images(self) -> list[str]:
        """Names of the training images; for VOC without extension."""
        if self.name == "asl":
            return [image["file_name"] for image in self._coco()["images"]]
        return (self.root / "ImageSets/Main/train.txt").read_text().split()

    def unlabeled(self) -> pathlib.Path:
        """A folder with the images of the training split only."""
        for name in self.training_images():
            source = (
                self.root / "train/images" / name
                if self.name == "asl"
                else next((self.root / "JPEGImages").glob(f"{name}.*"))
            )
            _link(self.runs / "unlabeled" / source.name, source)
        return self.runs / "unlabeled"

    def sample(self, count: str, seed: str) -> list[str]:
        names = self.training_images()
        return names if count == "all" else sorted(random.Random(f"{seed} labels").sample(names, int(count)))

    def labeled(self, names: list[str], split: str) -> str:
        """DATA[:SPLIT] that has those training images alone."""
        if self.name == "asl":
            folder, full = self.unlabeled(), self._coco()
            images = [
                image | {"file_name": f"{folder.name}/{image['file_name']}"}
                for image in full["images"]
                if image["file_name"] in set(names)
            ]
            ids = {image["id"] for image in images}
            annotations = [a for a in full["annotations"] if a["image_id"] in ids]
            file = self.runs / f"train-{split}.json"
            file.write_text(json.dumps(full | {"images": images, "annotations": annotations}))
            return str(file)
        folder = self.runs / "voc"
        for name in ("Annotations", "JPEGImages"):
            _link(folder / name, self.root.resolve() / name)
        file = folder / "ImageSets/Main" / f"{split}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(names) + "\n")
        return f"{folder}:{split}"
