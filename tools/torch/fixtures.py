"""Writes test/fixtures/torch-losses.json: the loss of ten training steps of PyTorch, which ours must follow.

Usage, from the project's root, with Debian's python3-torch: python3 tools/torch/fixtures.py
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import torch
from torch import nn

from laurel_torch import batch_of, build, fixtures

RUNS = [
    dict(network="lenet", form="imagenet", classes=10, batch=32, lr=0.2),
    dict(network="lenet", form="article", classes=10, batch=32, lr=0.1),
    dict(network="resnet18", form="cifar", classes=100, batch=16, lr=0.01),
]
SHARED = dict(seed=3, momentum=0.9, nesterov=True, weightDecay=5e-4, labelSmoothing=0.1)


def losses(run):
    network, shape = build(run["network"], run["form"], run["seed"])
    network.train()
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=run["lr"],
        momentum=run["momentum"],
        nesterov=run["nesterov"],
        weight_decay=run["weightDecay"],
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=run["labelSmoothing"])
    # One batch again and again: the loss falls steeply, so that a wrong gradient shows at once.
    images, labels = batch_of(run["seed"], 0, run["batch"], shape, run["classes"])
    for _ in range(10):
        optimizer.zero_grad()
        loss = criterion(network(images), labels)
        loss.backward()
        optimizer.step()
        yield loss.item()


runs = [{**SHARED, **run, "losses": list(losses({**SHARED, **run}))} for run in RUNS]
target = fixtures() / "torch-losses.json"
target.write_text(json.dumps({"torch": torch.__version__, "runs": runs}, indent=2) + "\n")
print(f"{target}: {[round(run['losses'][-1], 4) for run in runs]}")
