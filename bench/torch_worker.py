"""PyTorch's side of a comparison: python3 bench/torch_worker.py NET FORM BATCH DTYPE LAYOUT WHAT [compile [freeze]]

DTYPE f32 or bf16 (autocast); LAYOUT nchw or nhwc (channels last, what PyTorch recommends for bf16); WHAT train (forward,
backward, SGD) or infer; compile: through torch.compile, freeze: with the weights as constants of what it compiles.
"""
import json
import sys
import time
import warnings

import torch
from torch import nn

from torch_caches import tell_caches
from torch_networks import network_of

warnings.simplefilter("ignore")
name, form, batch, dtype, layout, what = sys.argv[1:7]
compiled = "compile" in sys.argv[7:]
if "freeze" in sys.argv[7:]:
    import torch._inductor.config

    torch._inductor.config.freezing = True
batch = int(batch)
tell_caches()
torch.manual_seed(1)
network, shape, classes = network_of(name, form)
network.train(what == "train")
images = 2 * torch.rand(batch, *shape) - 1
labels = torch.randint(classes, (batch,))
if layout == "nhwc":
    network = network.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(network.parameters(), lr=0.001, momentum=0.9, nesterov=True, weight_decay=5e-4)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
called = torch.compile(network) if compiled else network
autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16")


def train():
    optimizer.zero_grad(set_to_none=True)
    with autocast:
        loss = criterion(called(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def infer():
    with autocast:
        return called(images).float().numpy()


def timed(work):
    before = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - before)


step = train if what == "train" else infer
step()
facts = {"library": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads(), "warmMs": timed(step)}
print(json.dumps(facts), flush=True)
for line in sys.stdin:
    print(json.dumps([timed(step) for _ in range(int(line))]), flush=True)
