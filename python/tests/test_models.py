"""Every kind of detector from Python, and C4 beside one put together of torchvision's parts."""

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


def test_c4_is_what_torchvisions_parts_make():
    torch.manual_seed(1)
    net = torchvision.models.resnet18(weights=None)
    head = nn.Sequential(net.layer4, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    theirs = FasterRCNN(
        C4(net),
        rpn_anchor_generator=AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 14, 2),
        box_head=head,
        box_predictor=FastRCNNPredictor(512, 5),
        **SIZE,
    ).eval()
    for parameter in theirs.rpn.head.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.05)
    theirs.roi_heads.box_predictor.cls_score.weight.data.normal_(0, 0.2)
    ours = lanner.build(4, backbone="resnet18-c4", resize=SIZE)
    state = {f"backbone.body.{k}": v for k, v in net.state_dict().items() if k[:3] != "fc."}
    for name, tensor in theirs.state_dict().items():
        if name.startswith(("rpn.", "roi_heads.box_predictor.")):
            state[name] = tensor
    ours.load_state_dict(state)
    image = torch.rand(3, 120, 160, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = theirs([image])[0]
    assert len(expected["boxes"]) > 5
    assert_same(ours(image), expected)


KINDS = {
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


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_trains_saves_and_loads(kind, tmp_path):
    torch.manual_seed(3)
    options = dict(KINDS[kind])
    options["roi"] = {**options.get("roi", {}), "score_threshold": 0.0, "most_detections": 9}
    detector = lanner.build(classes=["a", "b"], **options).train()
    image = torch.rand(3, 120, 160)
    target = {"boxes": torch.tensor([[40.0, 30, 120, 90]]), "labels": torch.tensor([1])}
    losses = detector([image, image[:, :100]], [target, target])
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    detector.eval()
    detector.save(tmp_path / "w.safetensors")
    found, again = detector(image), lanner.load(tmp_path / "w.safetensors")(image)
    assert len(found["boxes"]) == 9
    assert torch.equal(found["boxes"], again["boxes"])


def test_bfloat16_finds_the_same_but_for_what_is_borderline():
    torch.manual_seed(4)
    detector = lanner.build(2, preset="small", roi={"score_threshold": 0.3})
    optimizer = torch.optim.SGD(detector.parameters(), lr=0.005, momentum=0.9)
    image = torch.zeros(3, 120, 160)
    image[:, 30:90, 40:120] = 1
    target = {"boxes": torch.tensor([[40.0, 30, 120, 90]]), "labels": torch.tensor([1])}
    detector.train()
    for step in range(80):
        if step == 60:  # scores would else jump about to the end
            optimizer.param_groups[0]["lr"] /= 10
        loss = sum(detector([image, image.flip(2)], [target, target]).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    detector.eval()
    exact = detector(image)
    with torch.autocast("cpu", torch.bfloat16):
        rough = detector(image)
    sure = exact["scores"] > 0.7
    assert sure.sum() > 0
    overlaps = lanner.ops.box_iou(exact["boxes"][sure], rough["boxes"]).max(1)
    assert (overlaps.values > 0.9).all()
    assert torch.equal(rough["labels"][overlaps.indices], exact["labels"][sure])
    assert (rough["scores"][overlaps.indices] - exact["scores"][sure]).abs().max() < 0.05


def test_a_detector_may_be_called_from_several_threads():
    from concurrent.futures import ThreadPoolExecutor

    torch.manual_seed(5)
    detector = lanner.build(2, preset="small", roi={"score_threshold": 0.0})
    images = [torch.rand(3, 90 + 10 * i, 120) for i in range(6)]
    expected = [detector(image) for image in images]
    detector.load_state_dict({k: v.clone() for k, v in detector.state_dict().items()})
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(detector, images))
    for mine, other in zip(found, expected):
        assert torch.allclose(mine["boxes"], other["boxes"], atol=1e-3)
