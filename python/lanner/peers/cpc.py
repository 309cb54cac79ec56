"""A training step of CPC in plain PyTorch, for `lanner bench pretrain`.

Argument: the number of threads. The protocol is described in detector.py.
"""

import sys, time
try:
    import torch
    from torch import nn
    from torch.nn import functional as F
    from torchvision.models import resnet18
except ImportError:
    print("absent", flush=True)
    sys.exit()
torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)

class Block(nn.Module):
    def __init__(self, channels, width=256):
        super().__init__()
        self.reduce = nn.Conv2d(channels, width, 1)
        self.horizontal = nn.Conv2d(width, width, (1, 3), padding=(0, 1))
        self.vertical = nn.Conv2d(width, width, (2, 1))
        self.expand = nn.Conv2d(width, channels, 1)
    def forward(self, x):
        y = self.horizontal(F.relu(self.reduce(x)))
        return x + self.expand(F.relu(self.vertical(F.pad(y, (0, 0, 1, 0)))))

class Cpc(nn.Module):
    def __init__(self):
        super().__init__()
        net = resnet18(weights=None, norm_layer=lambda channels: nn.GroupNorm(1, channels))
        self.encoder = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool,
                                     net.layer1, net.layer2, net.layer3)
        self.target = nn.Conv2d(256, 64, 1)
        self.contexts = nn.ModuleList(
            nn.Sequential(*(Block(256) for _ in range(5)), nn.ReLU()) for _ in range(4))
        self.predictors = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(256, 64, 1, bias=False) for _ in range(3)) for _ in range(4))
    def forward(self, images):
        patches = images.unfold(2, 32, 16).unfold(3, 32, 16).permute(0, 2, 3, 1, 4, 5)
        patches = patches.reshape(-1, 3, 32, 32)
        def random():
            return torch.rand(len(patches), 1, 1, 1)
        gray = patches.mean(1, keepdim=True).expand_as(patches)
        patches = torch.where(random() < 0.25, gray, patches)
        patches = patches * (0.7 + 0.6 * random()) + 0.6 * (random() - 0.5)
        z = self.encoder(patches).mean((2, 3)).view(len(images), 7, 7, 256).permute(0, 3, 1, 2)
        targets = self.target(z)
        losses = []
        for d in range(4):
            context = self.contexts[d](z.rot90(d, (2, 3)))
            rotated = targets.rot90(d, (2, 3)).permute(0, 2, 3, 1)
            candidates = F.normalize(rotated.reshape(-1, 64).float())
            index = torch.arange(len(candidates)).view(len(images), 7, 7)
            for i, k in enumerate((2, 3, 4)):
                predicted = self.predictors[d][i](context)[:, :, : 7 - k].permute(0, 2, 3, 1)
                predicted = F.normalize(predicted.reshape(-1, 64).float())
                losses.append(F.cross_entropy(predicted @ candidates.t() / 0.1,
                                              index[:, k:].reshape(-1)))
        return torch.stack(losses).mean()

model = Cpc()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4)
images = torch.randn(32, 3, 128, 128)
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=line.strip() == "16"):
        optimizer.zero_grad()
        model(images).backward()
        optimizer.step()
    print((time.perf_counter() - start) * 1e3, flush=True)
