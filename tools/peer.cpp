#include "tools/peer.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "lanner/datasets/error.h"

extern char** environ;

namespace lanner::tools {
namespace {

// Answers each line, "32" or "16" bits, with the milliseconds that it took.
constexpr const char* kProgram = R"py(
import sys, time
try:
    import torch
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d
except ImportError:
    print("absent", flush=True)
    sys.exit()
what, depth, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
backbone = resnet_fpn_backbone(
    backbone_name="resnet" + depth, weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=3)
size = dict(min_size=320, max_size=400) if what == "train" else {}
model = FasterRCNN(backbone, 91, **size)
for name, buffer in model.named_buffers():
    if name.endswith("running_var"):
        buffer.fill_(4)
if what == "detect":
    model.eval()
    images = [torch.rand(3, 800, 1088)]
    def work():
        with torch.no_grad():
            model(images)
else:
    images = [torch.rand(3, 320, 400) for _ in range(2)]
    boxes = torch.tensor([[20.0, 30, 150, 200], [200, 100, 320, 260], [50, 200, 120, 300]])
    targets = [{"boxes": boxes, "labels": torch.tensor([1, 2, 3])} for _ in images]
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=1e-4, momentum=0.9)
    def work():
        optimizer.zero_grad()
        sum(model(images, targets).values()).backward()
        optimizer.step()
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=line.strip() == "16"):
        work()
    print((time.perf_counter() - begin) * 1e3, flush=True)
)py";

}  // namespace

Peer::Peer(const std::string& what, int depth, int threads) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
    throw Error(ExitCode::io, "bench: cannot make a pipe");
  signal(SIGPIPE, SIG_IGN);  // of a process that has ended: run() says so
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::vector<std::string> words{
      LANNER_PYTHON, "-c", kProgram, what, std::to_string(depth), std::to_string(threads)};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const bool begun = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]), close(out[1]);
  to_ = fdopen(in[1], "w"), from_ = fdopen(out[0], "r");
  there_ = begun && line() == "ready";
}

Peer::~Peer() {
  fclose(to_), fclose(from_);
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

std::string Peer::line() {
  char text[64];
  if (!fgets(text, sizeof(text), from_)) return "";
  std::string word(text);
  return word.substr(0, word.find('\n'));
}

double Peer::run(bool sixteen) {
  fputs(sixteen ? "16\n" : "32\n", to_);
  fflush(to_);
  const auto answer = line();
  if (answer.empty()) throw Error(ExitCode::internal, "bench: torchvision's process has ended");
  return std::stod(answer);
}

}  // namespace lanner::tools
