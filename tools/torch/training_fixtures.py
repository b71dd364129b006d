"""Writes test/fixtures/torch-training.json: ten steps of a small network in PyTorch for each part of a training step:
clip_grad_norm_, label smoothing with mixed labels, averaged weights, gradient accumulation, frozen layers and rates.

Everything is computed in double precision, from the weights that Laurel starts with.
Usage, from the project's root, with Debian's python3-torch: python3 tools/torch/training_fixtures.py
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from laurel_torch import batch_of, draw_weights, fixtures

SHAPE, CLASSES, STEPS = (3, 8, 8), 7, 10
SHARED = dict(seed=5, batch=4, lr=0.125, momentum=0.9, nesterov=True, weightDecay=5e-4, labelSmoothing=0)
RUNS = [
    dict(name="clip_grad_norm_", clipNorm=0.75),
    dict(name="label smoothing and mixed labels", labelSmoothing=0.1, share=0.75, batchNorm=True),
    dict(name="exponential moving average", averageShare=0.25, batchNorm=True),
    dict(name="accumulation", accumulate=2, nesterov=False),
    dict(name="accumulation, clipped", accumulate=5, clipNorm=0.5),
    dict(name="frozen layers above trained ones", rates={"conv2": 0, "bn2": 0}, batchNorm=True),
    dict(name="frozen and slow layers", rates={"conv1": 0, "bn1": 0, "fc": 0.25}, batchNorm=True),
]


class Small(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(6) if norm else nn.Identity()
        self.conv2 = nn.Conv2d(6, 8, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.fc = nn.Linear(8 * 4 * 4, CLASSES)

    def forward(self, x):
        x = torch.tanh(self.bn1(self.conv1(x)))
        x = torch.tanh(self.bn2(self.conv2(x)))
        return self.fc(torch.flatten(functional.avg_pool2d(x, 2), 1))


def numbers(tensor):
    return [float(value) for value in tensor.flatten().double()]


def follow(run):
    network = draw_weights(Small(run.get("batchNorm", False)), run["seed"]).double().train()
    rates = run.get("rates", {})
    for name, factor in rates.items():
        if factor == 0:
            getattr(network, name).eval().requires_grad_(False)
    groups = [
        dict(params=list(module.parameters()), lr=run["lr"] * rates.get(name, 1))
        for name, module in network.named_children()
        if rates.get(name, 1) != 0
    ]
    optimizer = torch.optim.SGD(
        groups,
        lr=run["lr"],
        momentum=run["momentum"],
        nesterov=run["nesterov"],
        weight_decay=run["weightDecay"],
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=run["labelSmoothing"])
    moved = run.get("averageShare", 0)
    average = AveragedModel(network, avg_fn=lambda a, w, _: a + moved * (w - a), use_buffers=True)
    average.update_parameters(network)  # the first call only says that the average starts as the weights
    k, share = run.get("accumulate", 1), run.get("share", 1)
    losses, norms = [], []
    for step in range(STEPS):
        images, labels = batch_of(run["seed"], step % 3, run["batch"], SHAPE, CLASSES)
        logits = network(images.double())
        loss = share * criterion(logits, labels) + (1 - share) * criterion(logits, labels.flip(0))
        (loss / k).backward()
        losses.append(loss.item())
        if (step + 1) % k != 0:
            continue
        if "clipNorm" in run:
            parameters = [p for p in network.parameters() if p.requires_grad]
            norms.append(nn.utils.clip_grad_norm_(parameters, run["clipNorm"]).item())
        optimizer.step()
        optimizer.zero_grad()
        average.update_parameters(network)
    trained = network.state_dict()
    kept = average.module.state_dict() if moved else trained
    names = [name for name in trained if not name.endswith("num_batches_tracked")]
    return {
        "losses": losses,
        "gradientNorms": norms,
        "weights": {name: numbers(kept[name]) for name in names if "fc" not in name or "bias" in name},
        "trained": {name: numbers(trained[name]) for name in ("conv1.weight", "fc.bias")},
    }


runs = [{**SHARED, **run, **follow({**SHARED, **run})} for run in RUNS]
target = fixtures() / "torch-training.json"
target.write_text(json.dumps({"torch": torch.__version__, "runs": runs}) + "\n")
print(f"{target}: {[round(run['losses'][-1], 4) for run in runs]}")
