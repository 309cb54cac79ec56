#include "tools/bench_pretrain.h"

#include <ATen/Parallel.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/flop_count.h"
#include "lanner/detectors/pretraining/objective.h"
#include "lanner/detectors/training/optimiser.h"
#include "lanner/ops/cpu/fresh.h"
#include "tools/compare.h"
#include "tools/timing.h"

namespace lanner::tools {
namespace {

constexpr int64_t kImages = 32;

// The same step as one would write it. Answers as Peer wants it.
constexpr const char* kProgram = R"py(
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
        self.first = nn.Conv2d(channels, width, 1)
        self.across = nn.Conv2d(width, width, (1, 3), padding=(0, 1))
        self.down = nn.Conv2d(width, width, (2, 1))
        self.last = nn.Conv2d(width, channels, 1)
    def forward(self, x):
        y = self.across(F.relu(self.first(x)))
        return x + self.last(F.relu(self.down(F.pad(y, (0, 0, 1, 0)))))

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
        def draw():
            return torch.rand(len(patches), 1, 1, 1)
        grey = patches.mean(1, keepdim=True).expand_as(patches)
        patches = torch.where(draw() < 0.25, grey, patches)
        patches = patches * (0.7 + 0.6 * draw()) + 0.6 * (draw() - 0.5)
        z = self.encoder(patches).mean((2, 3)).view(len(images), 7, 7, 256).permute(0, 3, 1, 2)
        targets = self.target(z)
        losses = []
        for d in range(4):
            context = self.contexts[d](z.rot90(d, (2, 3)))
            turned = targets.rot90(d, (2, 3)).permute(0, 2, 3, 1)
            every = F.normalize(turned.reshape(-1, 64).float())
            places = torch.arange(len(every)).view(len(images), 7, 7)
            for i, k in enumerate((2, 3, 4)):
                predicted = self.predictors[d][i](context)[:, :, : 7 - k].permute(0, 2, 3, 1)
                predicted = F.normalize(predicted.reshape(-1, 64).float())
                losses.append(F.cross_entropy(predicted @ every.t() / 0.1,
                                              places[:, k:].reshape(-1)))
        return torch.stack(losses).mean()

model = Cpc()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4)
images = torch.randn(32, 3, 128, 128)
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=line.strip() == "16"):
        optimizer.zero_grad()
        model(images).backward()
        optimizer.step()
    print((time.perf_counter() - begin) * 1e3, flush=True)
)py";

}  // namespace

int bench_pretrain(const BenchOptions& options) {
  use_threads(options);
  Peer peer(kProgram, {std::to_string(at::get_num_threads())});
  print_comparison_header("PyTorch", peer);
  const auto images =
      torch::randn({kImages, 3, 128, 128}).contiguous(at::MemoryFormat::ChannelsLast);
  nlohmann::json rows = nlohmann::json::array();
  for (const bool sixteen : {false, true}) {
    torch::manual_seed(0);
    detectors::PretrainOptions pretraining;
    pretraining.image_size = 128;
    pretraining.patch.size = 32, pretraining.patch.stride = 16;
    pretraining.last_distance = 4;
    const auto objective = detectors::make_objective(pretraining);
    detectors::place(*objective, torch::kCPU);
    detectors::Optimiser optimiser(*objective, pretraining.loop);
    const auto step = [&] {
      const ops::KeepMemory keep;
      optimiser.zero_grad();
      objective->forward(images).loss.backward();
      optimiser.step(1e-4);
    };
    double flops = 0;
    {
      const detectors::FlopCount count;
      step();
      flops = count.total();
    }
    auto row = compare("PyTorch", std::string("CPC step, ") + (sixteen ? "bfloat16" : "float32"),
                       step, sixteen, peer, options.runs);
    const double rate = flops / (row["lanner_ms"].get<double>() / 1e3);
    const double peak = detectors::peak_rate(sixteen ? at::kBFloat16 : at::kFloat, at::kCPU);
    row["gflops"] = rate / 1e9, row["peak_gflops"] = peak / 1e9, row["peak_share"] = rate / peak;
    std::printf("  %.1f images/s, %.0f GFLOP/s, %.0f %% of the %.0f of a matrix product\n",
                kImages / (row["lanner_ms"].get<double>() / 1e3), rate / 1e9, 100 * rate / peak,
                peak / 1e9);
    rows.push_back(row);
  }
  write_rows(options, rows);
  return 0;
}

}  // namespace lanner::tools
