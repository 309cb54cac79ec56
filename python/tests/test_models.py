"""All kinds of detectors in Python, and ResNet-C4 against a detector of torchvision's parts."""

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

import lanner
from same_detections import assert_same

SIZE = {"min_size": 160, "max_size": 256}


class C4(nn.Module):
    out_channels = 256

    def __init__(self, net):
        super().__init__()
        self.body = nn.Sequential(
            net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3
        )

    def forward(self, x):
        return {"0": self.body(x)}


def test_c4_matches_torchvision():
    torch.manual_seed(1)
    net = torchvision.models.resnet18(weights=None)
    head = nn.Sequential(net.layer4, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    reference = FasterRCNN(
        C4(net),
        rpn_anchor_generator=AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 14, 2),
        box_head=head,
        box_predictor=FastRCNNPredictor(512, 5),
        **SIZE,
    ).eval()
    for parameter in reference.rpn.head.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.05)
    reference.roi_heads.box_predictor.cls_score.weight.data.normal_(0, 0.2)
    resize = {**SIZE, "interpolation": "torchvision"}
    detector = lanner.build(4, backbone="resnet18-c4", resize=resize)
    state = {f"backbone.body.{k}": v for k, v in net.state_dict().items() if k[:3] != "fc."}
    for name, tensor in reference.state_dict().items():
        if name.startswith(("rpn.", "roi_heads.box_predictor.")):
            state[name] = tensor
    detector.load_state_dict(state)
    image = torch.rand(3, 120, 160, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = reference([image])[0]
    assert len(expected["boxes"]) > 5
    assert_same(detector(image), expected)


MODELS = {
    "rfcn": dict(preset="small_rfcn"),
    "deformable rfcn": dict(preset="small_deformable_rfcn"),
    "published rfcn": dict(preset="rfcn_resnet101", backbone="resnet18-dc5", resize=SIZE),
    "published deformable rfcn": dict(
        preset="deformable_rfcn_resnet101", backbone="resnet18-dc5", resize=SIZE
    ),
    "classic": dict(preset="faster_rcnn_resnet101_c4", backbone="resnet18-c4", resize=SIZE),
    "deformable faster rcnn": dict(
        preset="small",
        backbone={"deformable": {"stages": [4], "groups": 1, "modulated": True}},
        roi={"deformable": True},
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains_saves_and_loads(model, tmp_path):
    torch.manual_seed(3)
    options = dict(MODELS[model])
    options["roi"] = {**options.get("roi", {}), "score_threshold": 0.0, "max_detections": 9}
    detector = lanner.build(classes=["a", "b"], **options).train()
    image = torch.rand(3, 120, 160)
    target = {"boxes": torch.tensor([[40.0, 30, 120, 90]]), "labels": torch.tensor([1])}
    losses = detector([image, image[:, :100]], [target, target])
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    detector.eval()
    detector.save(tmp_path / "w.safetensors")
    expected, result = detector(image), lanner.load(tmp_path / "w.safetensors")(image)
    assert len(expected["boxes"]) == 9
    assert torch.equal(result["boxes"], expected["boxes"])


def test_bfloat16_finds_the_same_confident_detections():
    torch.manual_seed(4)
    detector = lanner.build(2, preset="small", backbone={"width": 32}, roi={"score_threshold": 0.3})
    optimizer = torch.optim.SGD(detector.parameters(), lr=0.005, momentum=0.9)
    image = torch.zeros(3, 120, 160)
    image[:, 30:90, 40:120] = 1
    target = {"boxes": torch.tensor([[40.0, 30, 120, 90]]), "labels": torch.tensor([1])}
    detector.train()
    for step in range(80):
        if step == 60:  # so that the scores settle
            optimizer.param_groups[0]["lr"] /= 10
        loss = sum(detector([image, image.flip(2)], [target, target]).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    detector.eval()
    expected = detector(image)
    with torch.autocast("cpu", torch.bfloat16):
        result = detector(image)
    confident = expected["scores"] > 0.7
    assert confident.sum() > 0
    ious = lanner.ops.box_iou(expected["boxes"][confident], result["boxes"]).max(1)
    assert (ious.values > 0.9).all()
    assert torch.equal(result["labels"][ious.indices], expected["labels"][confident])
    assert (result["scores"][ious.indices] - expected["scores"][confident]).abs().max() < 0.05


def test_detection_is_thread_safe():
    from concurrent.futures import ThreadPoolExecutor

    torch.manual_seed(5)
    detector = lanner.build(2, preset="small", roi={"score_threshold": 0.0})
    images = [torch.rand(3, 90 + 10 * i, 120) for i in range(6)]
    expected = [detector(image) for image in images]
    detector.load_state_dict({k: v.clone() for k, v in detector.state_dict().items()})
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(detector, images))
    for a, b in zip(results, expected):
        assert torch.allclose(a["boxes"], b["boxes"], atol=1e-3)
