"""ONNX graphs against the detectors that they come from."""

import json

import numpy
import onnxruntime
import pytest
import torch

import lanner

SIZE = {"min_size": 96, "max_size": 128}
ONE_LEVEL = {"sizes": [[16, 32, 64]]}
DETECTORS = {
    "fpn": {"backbone": {"depth": 18, "norm": "none"}},
    "fpn without pool": {
        "backbone": {"depth": 18, "norm": "batch", "fpn_stages": [2, 3, 4], "fpn_pool": False},
        "anchors": {"sizes": [[16], [32], [64]]},
    },
    "bottlenecks": {"backbone": {"depth": 50, "norm": "group", "width": 32}},
    "c4": {"backbone": {"depth": 18, "norm": "layer", "neck": "c4"}, "anchors": ONE_LEVEL},
    "dc5": {"backbone": {"depth": 18, "norm": "none", "neck": "dc5"}, "anchors": ONE_LEVEL},
    "deep heads": {
        "backbone": {"depth": 18, "norm": "none"},
        "roi": {"head_convs": 2, "pooling": "roi_pool"},
        "rpn": {"conv_depth": 2},
    },
    "R-FCN": {"model": "rfcn", "backbone": {"depth": 18, "norm": "none"}, "anchors": ONE_LEVEL},
    "R-FCN on a pyramid, by RoIAlign": {
        "model": "rfcn",
        "backbone": {"depth": 18, "norm": "none", "neck": "fpn"},
        "anchors": {"sizes": [[16], [32], [64], [96], [128]]},
        "roi": {"pooling": "roi_align", "head_convs": 1, "pooled_size": 3},
    },
}


def build(options, seed=0, **more):
    """A detector of random weights that finds something."""
    torch.manual_seed(seed)
    detector = lanner.build(num_classes=3, resize={**SIZE, **more}, **options)
    for name, parameter in detector.named_parameters():
        if "cls_score" in name or "cls_logits" in name or "score_maps" in name:
            parameter.data.mul_(8)
    return detector.eval()


def image_of(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 8, generator=generator) * 255
    image = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return image[0].clamp(0, 255).to(torch.uint8)


def check_same(session, detector, image):
    expected = {name: value.numpy() for name, value in detector(image).items()}
    boxes, labels, scores = session.run(None, {"image": image[None].numpy()})
    assert len(boxes) == len(expected["boxes"]) > 0
    for box, label, score in zip(boxes, labels, scores):
        distance = numpy.abs(expected["boxes"] - box).max(1)
        nearest = numpy.where(expected["labels"] == label, distance, numpy.inf).argmin()
        assert distance[nearest] < 0.05
        assert abs(expected["scores"][nearest] - score) < 1e-3


@pytest.mark.parametrize("name", DETECTORS)
def test_onnx_runtime_finds_the_same(name, tmp_path):
    detector = build(DETECTORS[name])
    lanner.export_onnx(detector, tmp_path / "a.onnx", preprocess=True)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    check_same(session, detector, image_of(96, 128))
    check_same(session, detector, image_of(97, 101))
    names = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert names == detector.classes


def test_images_are_resized_within_the_graph(tmp_path):
    detector = build(DETECTORS["fpn"], interpolation="torchvision")
    lanner.export_onnx(detector, tmp_path / "a.onnx", preprocess=True)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    for height, width in ((50, 70), (200, 150), (300, 900)):
        check_same(session, detector, image_of(height, width))


def test_without_preprocessing_the_graph_takes_a_normalized_tensor(tmp_path):
    detector = build(DETECTORS["fpn"])
    lanner.export_onnx(detector, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    image = image_of(96, 128)
    normalization = detector.options["normalization"]
    mean, std = (torch.tensor(normalization[key])[:, None, None] for key in ("mean", "std"))
    boxes, _, scores = session.run(None, {"image": ((image / 255 - mean) / std)[None].numpy()})
    expected = detector(image)
    assert torch.allclose(torch.from_numpy(boxes), expected["boxes"], atol=0.05)
    assert torch.allclose(torch.from_numpy(scores), expected["scores"], atol=1e-3)


def test_what_onnx_cannot_express_is_refused_by_name(tmp_path):
    for options, message in (
        ({"roi": {"soft_nms": 0.5}}, "roi.soft_nms"),
        ({"backbone": {"deformable": {"stages": [4]}}}, "backbone.deformable"),
        ({"roi": {"deformable": True}}, "roi.deformable"),
    ):
        with pytest.raises(ValueError, match=message):
            lanner.export_onnx(lanner.build(num_classes=2, **options), tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()
