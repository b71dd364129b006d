"""PyTorch's side of a comparison: python3 bench/torch_worker.py NET FORM BATCH DTYPE LAYOUT

DTYPE f32 or bf16 (autocast); LAYOUT nchw or nhwc (channels last, what PyTorch recommends for bf16).
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tools/torch"))
import torch
from torch import nn

from laurel_torch import batch_of, build

name, form, batch, dtype, layout = sys.argv[1:6]
batch = int(batch)
network, shape = build(name, form, seed=1)
network.train()
images, labels = batch_of(1, 0, batch, shape, 10 if name == "lenet" else 100)
if layout == "nhwc":
    network = network.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)


def step():
    before = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
        loss = criterion(network(images), labels)
    loss.backward()
    optimizer.step()
    loss.item()
    return 1000 * (time.perf_counter() - before)


for _ in range(3):
    step()
print(json.dumps({"library": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    print(json.dumps([step() for _ in range(int(line))]), flush=True)
