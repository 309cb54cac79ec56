"""Training steps of torchvision's Faster R-CNN with ResNet-FPN, for `lanner bench train`.

Arguments: the ResNet's depth, the number of threads. Prints "ready", or "absent" if torchvision is
not installed. Then, for each line of standard input ("32" or "16" bits), it runs one training step
and prints its time in milliseconds.
"""

import sys, time
try:
    import torch
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d
except ImportError:
    print("absent", flush=True)
    sys.exit()
depth, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
backbone = resnet_fpn_backbone(
    backbone_name="resnet" + depth, weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=3)
model = FasterRCNN(backbone, 91, min_size=320, max_size=400)
for name, buffer in model.named_buffers():
    if name.endswith("running_var"):
        buffer.fill_(4)
images = [torch.rand(3, 320, 400) for _ in range(2)]
boxes = torch.tensor([[20.0, 30, 150, 200], [200, 100, 320, 260], [50, 200, 120, 300]])
targets = [{"boxes": boxes, "labels": torch.tensor([1, 2, 3])} for _ in images]
optimizer = torch.optim.SGD(
    [p for p in model.parameters() if p.requires_grad], lr=1e-4, momentum=0.9)
def run():
    optimizer.zero_grad()
    sum(model(images, targets).values()).backward()
    optimizer.step()
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=line.strip() == "16"):
        run()
    print((time.perf_counter() - start) * 1e3, flush=True)
