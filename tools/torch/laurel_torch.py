"""The networks of Laurel in PyTorch, written independently, with the same weight names and the same start.

Used by fixtures.py (what our results are tested against) and by the benchmarks (what our speed is measured
against). Random numbers are those of src/graph/random.ts, so that both sides begin with the same bits.
"""
import math
import os
import pathlib

import numpy as np
import torch
from torch import nn


def fixtures():
    """The folder that fixtures are written to: the project's own, or $LAUREL_FIXTURES (npm run test:torch compares)."""
    return pathlib.Path(os.environ.get("LAUREL_FIXTURES", pathlib.Path(__file__).parents[2] / "test/fixtures"))


def _mix(word):
    word = np.asarray(word, dtype=np.uint32)
    with np.errstate(over="ignore"):
        word = (word ^ (word >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        word = (word ^ (word >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return word ^ (word >> np.uint32(16))


def stream_of(name):
    h = 0x811C9DC5
    for character in name:
        h = ((h ^ ord(character)) * 0x01000193) & 0xFFFFFFFF
    return h


def uniforms(seed, stream, count):
    """count numbers in [0, 1), element i a function of (seed, stream, i)."""
    first = int(_mix((int(_mix((seed + 0x3C6EF372) & 0xFFFFFFFF)) + stream * 0x9E3779B1) & 0xFFFFFFFF))
    second = int(_mix((first + 0x7F4A7C15) & 0xFFFFFFFF))
    index = np.arange(count, dtype=np.uint32)
    return _mix(_mix(index ^ np.uint32(first)) ^ np.uint32(second)).astype(np.float64) / 2**32


class LeNet(nn.Module):
    """LeNet-5 with plain tanh and average pooling (form imagenet) or ReLU and max pooling (form article)."""

    def __init__(self, article=False, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(256 if article else 400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)
        self.squash = torch.relu if article else torch.tanh
        self.pool = nn.MaxPool2d(2) if article else nn.AvgPool2d(2)

    def forward(self, x):
        x = self.pool(self.squash(self.conv1(x)))
        x = self.pool(self.squash(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc3(self.squash(self.fc2(self.squash(self.fc1(x)))))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual_function = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        return torch.relu_(self.residual_function(x) + self.shortcut(x))


class CifarResNet(nn.Module):
    def __init__(self, blocks, classes=100):
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        )
        inputs = 64
        for stage, count in enumerate(blocks):
            outputs, layers = 64 << stage, []
            for i in range(count):
                layers.append(BasicBlock(inputs, outputs, 2 if i == 0 and stage > 0 else 1))
                inputs = outputs
            setattr(self, f"conv{stage + 2}_x", nn.Sequential(*layers))
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.conv5_x(self.conv4_x(self.conv3_x(self.conv2_x(self.conv1(x)))))
        return self.fc(torch.flatten(self.avg_pool(x), 1))


NETWORKS = {
    ("lenet", "imagenet"): (lambda: LeNet(), (1, 32, 32)),
    ("lenet", "article"): (lambda: LeNet(article=True), (1, 28, 28)),
    ("resnet18", "cifar"): (lambda: CifarResNet([2, 2, 2, 2]), (3, 32, 32)),
    ("resnet34", "cifar"): (lambda: CifarResNet([3, 4, 6, 3]), (3, 32, 32)),
}


def draw_weights(network, seed):
    """Gives the network the start that Laurel draws for its names with this seed."""
    with torch.no_grad():
        for module_name, module in network.named_modules():
            if not isinstance(module, (nn.Conv2d, nn.Linear)):
                continue
            bound = 1 / math.sqrt(module.weight[0].numel())
            for kind, parameter in module.named_parameters(recurse=False):
                drawn = uniforms(seed, stream_of(f"{module_name}.{kind}"), parameter.numel())
                values = ((2 * drawn - 1) * bound).astype(np.float32).reshape(parameter.shape)
                parameter.copy_(torch.from_numpy(values))
    return network


def build(name, form, seed):
    """The network with Laurel's start for this seed, and its input shape."""
    make, shape = NETWORKS[(name, form)]
    return draw_weights(make(), seed), shape


def batch_of(seed, step, batch, shape, classes):
    """A batch of noise pictures in [-1, 1) with labels, a function of (seed, step)."""
    count = batch * int(np.prod(shape))
    images = 2 * uniforms(seed, stream_of(f"images {step}"), count) - 1
    labels = np.floor(uniforms(seed, stream_of(f"labels {step}"), batch) * classes)
    return (
        torch.from_numpy(images.astype(np.float32).reshape(batch, *shape)),
        torch.from_numpy(labels.astype(np.int64)),
    )
