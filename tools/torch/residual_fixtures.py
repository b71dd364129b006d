"""Writes test/fixtures/senet-logits.json: parameters, multiply-adds and logits of residual networks in PyTorch.

The definitions here were written from the papers (SENet: Hu et al.; ResNet: He et al., section 4.2; ResNeXt: Xie
et al.), one class per kind of block, and share nothing with Laurel's builder; the module names are those of the
checkpoints that people have. Weights and pictures come from laurel_torch's numbers, by name.

Usage, from the project's root, with Debian's python3-torch: python3 tools/torch/residual_fixtures.py
"""
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from laurel_torch import fixtures, stream_of, uniforms

SEED = 5
CLASSES = 10


def conv_bn(inputs, outputs, kernel, stride=1, groups=1, bias=False):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)
    return conv, nn.BatchNorm2d(outputs)


class Excite(nn.Module):
    """The gate with 1x1 convolutions, as timm's legacy weights name it."""

    def __init__(self, channels, reduction, squeeze):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)
        self.squeeze = squeeze

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True) if self.squeeze == "average" else x.amax((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(s))))


class SEBlock(nn.Module):
    """`layers`: (outputs, kernel, stride, groups) of each convolution."""

    def __init__(self, inputs, layers, projection, placement, reduction, squeeze, last_relu):
        super().__init__()
        self.count, self.placement, self.last_relu = len(layers), placement, last_relu
        outputs = layers[-1][0]
        gated = {"pre": inputs, "3x3": next(o for o, k, _, _ in layers if k == 3)}.get(placement, outputs)
        self.kernels = [layer[1] for layer in layers]
        channels = inputs
        for i, (o, kernel, stride, groups) in enumerate(layers, 1):
            conv, bn = conv_bn(channels, o, kernel, stride, groups)
            setattr(self, f"conv{i}", conv)
            setattr(self, f"bn{i}", bn)
            channels = o
        self.se_module = Excite(gated, reduction, squeeze)
        stride = math.prod(layer[2] for layer in layers)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(*conv_bn(inputs, outputs, projection if stride > 1 else 1, stride))

    def forward(self, x):
        y = self.se_module(x) if self.placement == "pre" else x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if self.placement == "3x3" and i == self.kernels.index(3) + 1:
                y = self.se_module(y)
            if i < self.count or self.last_relu:
                y = F.relu(y)
        past = x if self.downsample is None else self.downsample(x)
        if self.placement == "standard":
            y = self.se_module(y)
        if self.placement == "identity":
            past = self.se_module(past)
        y = F.relu(y + past)
        return self.se_module(y) if self.placement == "post" else y


class SENet(nn.Module):
    def __init__(self, kind, blocks, stride="3x3", placement="standard", reduction=16, squeeze="average"):
        super().__init__()
        deep = kind == "senet154"
        stem = [(3, 64, 3, 2), (64, 64, 3, 1), (64, 128, 3, 1)] if deep else [(3, 64, 7, 2)]
        self.layer0 = nn.Sequential()
        for i, (a, b, kernel, step) in enumerate(stem, 1):
            conv, bn = conv_bn(a, b, kernel, step)
            self.layer0.add_module(f"conv{i}", conv)
            self.layer0.add_module(f"bn{i}", bn)
            self.layer0.add_module(f"relu{i}", nn.ReLU())
        channels = stem[-1][1]
        for stage, count in enumerate(blocks):
            w, stage_blocks = 64 << stage, []
            for i in range(count):
                s = 2 if stage > 0 and i == 0 else 1
                layers = {
                    "basic": [(w, 3, s, 1), (w, 3, 1, 1)],
                    "bottleneck": [
                        (w, 1, s if stride == "1x1" else 1, 1),
                        (w, 3, s if stride == "3x3" else 1, 1),
                        (4 * w, 1, 1, 1),
                    ],
                    "resnext": [(2 * w, 1, 1, 1), (2 * w, 3, s, 32), (4 * w, 1, 1, 1)],
                    "senet154": [(2 * w, 1, 1, 1), (4 * w, 3, s, 64), (4 * w, 1, 1, 1)],
                }[kind]
                stage_blocks.append(
                    SEBlock(channels, layers, 3 if deep else 1, placement, reduction, squeeze, kind == "basic")
                )
                channels = layers[-1][0]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*stage_blocks))
        self.last_linear = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(self.layer0(x), 3, 2, ceil_mode=True)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.last_linear(x.mean((2, 3)))


class CifarBlock(nn.Module):
    """A block of pytorch-cifar100: the branch is one sequence; `gate` adds an excitation and a last ReLU."""

    def __init__(self, inputs, layers, branch, gate, bias):
        super().__init__()
        steps, channels = [], inputs
        for o, kernel, stride, groups in layers:
            steps += [*conv_bn(channels, o, kernel, stride, groups, bias), nn.ReLU()]
            channels = o
        self.branch = branch
        self.add_module(branch, nn.Sequential(*(steps if gate else steps[:-1])))
        stride = math.prod(layer[2] for layer in layers)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != channels:
            self.shortcut = nn.Sequential(*conv_bn(inputs, channels, 1, stride, bias=bias))
        self.gate = gate
        if gate:
            hidden = channels // 16
            self.excitation = nn.Sequential(
                nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid()
            )

    def forward(self, x):
        y = getattr(self, self.branch)(x)
        if self.gate:
            y = y * self.excitation(y.mean((2, 3)))[:, :, None, None]
        return F.relu(y + self.shortcut(x))


class CifarNet(nn.Module):
    """`names`: stem, format of a stage's name, first stage's number, branch, classifier."""

    def __init__(self, names, kind, blocks, gate=False, bias=False, last=512):
        super().__init__()
        self.stem, self.stage_name, self.first, branch, self.classifier = names
        self.add_module(self.stem, nn.Sequential(*conv_bn(3, 64, 3, bias=bias), nn.ReLU()))
        channels = 64
        for stage, (count, w) in enumerate(zip(blocks, [64, 128, 256, last])):
            stage_blocks = []
            for i in range(count):
                s = 2 if stage > 0 and i == 0 else 1
                layers = {
                    "basic": [(w, 3, s, 1), (w, 3, 1, 1)],
                    "bottleneck": [(w, 1, 1, 1), (w, 3, s, 1), (4 * w, 1, 1, 1)],
                    "resnext": [(2 * w, 1, 1, 1), (2 * w, 3, s, 32), (4 * w, 1, 1, 1)],
                    "grouped 1x1": [(2 * w, 1, 1, 32), (2 * w, 3, s, 32), (4 * w, 1, 1, 1)],
                }[kind]
                stage_blocks.append(CifarBlock(channels, layers, branch, gate, bias))
                channels = layers[-1][0]
            setattr(self, self.stage_name.format(stage + self.first), nn.Sequential(*stage_blocks))
        self.add_module(self.classifier, nn.Linear(channels, CLASSES))

    def forward(self, x):
        x = getattr(self, self.stem)(x)
        for stage in range(4):
            x = getattr(self, self.stage_name.format(stage + self.first))(x)
        return getattr(self, self.classifier)(x.mean((2, 3)))


class Cifar10Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv_bn(inputs, outputs, 3, stride)
        self.conv2, self.bn2 = conv_bn(outputs, outputs, 3)
        self.stride, self.zeros = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        past = x[:, :, :: self.stride, :: self.stride]
        half = self.zeros // 2
        return F.relu(y + F.pad(past, (0, 0, 0, 0, half, self.zeros - half)))


class Cifar10Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv1, self.bn1 = conv_bn(3, 16, 3)
        channels = 16
        for stage, w in enumerate([16, 32, 64]):
            stage_blocks = []
            for i in range(n):
                stage_blocks.append(Cifar10Block(channels, w, 2 if stage > 0 and i == 0 else 1))
                channels = w
            setattr(self, f"layer{stage + 1}", nn.Sequential(*stage_blocks))
        self.linear = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


RESNET = ("conv1", "conv{}_x", 2, "residual_function", "fc")
RESNEXT = ("conv1", "conv{}", 2, "split_transforms", "fc")
SERESNET = ("pre", "stage{}", 1, "residual", "linear")
L18, L34, L50, L101, L152 = [2, 2, 2, 2], [3, 4, 6, 3], [3, 4, 6, 3], [3, 4, 23, 3], [3, 8, 36, 3]


def se(kind, blocks, **options):
    return lambda: SENet(kind, blocks, **options)


def cifar(names, kind, blocks, **options):
    return lambda: CifarNet(names, kind, blocks, **options)


# network, form, Laurel's options, picture size, definition
CASES = [
    ("seresnet18", "imagenet", {}, 64, se("basic", L18)),
    *[
        ("seresnet18", "imagenet", {"placement": p}, 64, se("basic", L18, placement=p))
        for p in ("pre", "post", "identity", "3x3")
    ],
    *[
        ("seresnet50", "imagenet", {"placement": p}, 64, se("bottleneck", L50, placement=p))
        for p in ("pre", "post", "identity", "3x3")
    ],
    (
        "seresnet18",
        "imagenet",
        {"squeeze": "max", "reduction": 4},
        64,
        se("basic", L18, squeeze="max", reduction=4),
    ),
    ("seresnet34", "imagenet", {}, 64, se("basic", L34)),
    ("seresnet50", "imagenet", {}, 64, se("bottleneck", L50)),
    ("seresnet50", "imagenet", {"stride": "1x1"}, 75, se("bottleneck", L50, stride="1x1")),
    ("seresnet101", "imagenet", {}, 64, se("bottleneck", L101)),
    ("seresnet152", "imagenet", {}, 64, se("bottleneck", L152)),
    ("seresnext50_32x4d", "imagenet", {}, 64, se("resnext", L50)),
    ("seresnext101_32x4d", "imagenet", {}, 64, se("resnext", L101)),
    ("senet154", "imagenet", {}, 64, se("senet154", L152)),
    ("resnet20", "cifar", {}, 32, lambda: Cifar10Net(3)),
    ("resnet56", "cifar", {}, 32, lambda: Cifar10Net(9)),
    ("resnet50", "cifar", {}, 32, cifar(RESNET, "bottleneck", L50)),
    ("resnext50", "cifar", {}, 32, cifar(RESNEXT, "resnext", L50)),
    ("resnext50", "article", {}, 32, cifar(RESNEXT, "grouped 1x1", L50)),
    ("resnext152", "article", {}, 32, cifar(RESNEXT, "grouped 1x1", [3, 4, 36, 3])),
    ("seresnet18", "cifar", {}, 32, cifar(SERESNET, "basic", L18, gate=True, bias=True)),
    ("seresnet50", "cifar", {}, 32, cifar(SERESNET, "bottleneck", L50, gate=True, bias=True)),
    ("seresnet18", "article", {}, 32, cifar(SERESNET, "basic", L18, gate=True, bias=True, last=516)),
    ("seresnet50", "article", {}, 32, cifar(SERESNET, "bottleneck", L50, gate=True, bias=True, last=516)),
]


def numbers(name, shape, low, high):
    drawn = uniforms(SEED, stream_of(name), int(np.prod(shape)))
    return torch.from_numpy((low + (high - low) * drawn).astype(np.float32).reshape(shape))


def fill(network):
    """Every weight a function of its name; batch norms near the identity, but no two channels alike."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if tensor.dim() > 1:
                bound = math.sqrt(3 / tensor[0].numel())
                tensor.copy_(numbers(name, tensor.shape, -bound, bound))
            elif name.endswith(("weight", "running_var")):
                tensor.copy_(numbers(name, tensor.shape, 0.75, 1.25))
            else:
                tensor.copy_(numbers(name, tensor.shape, -0.1, 0.1))


def multiply_adds(network, size):
    total = 0

    def count(module, _, output):
        nonlocal total
        total += output.numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    network(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return total


def case(name, form, options, size, make):
    network = make().eval()
    fill(network)
    pictures = numbers("images", (2, 3, size, size), -1, 1)
    with torch.no_grad():
        return dict(
            network=name,
            form=form,
            options=options,
            size=size,
            parameters=sum(p.numel() for p in network.parameters()),
            macs=multiply_adds(network, size),
            logits=[round(value, 6) for value in network(pictures).flatten().tolist()],
        )


cases = [case(*each) for each in CASES]
target = fixtures() / "senet-logits.json"
result = {"torch": torch.__version__, "seed": SEED, "classes": CLASSES, "cases": cases}
lines = json.dumps(result, indent=1).replace("\n    ", " ").replace("\n   ", " ")
target.write_text(lines + "\n")
for each in cases:
    largest = max(abs(value) for value in each["logits"])
    print(each["network"], each["form"], each["options"], each["parameters"], each["macs"], f"{largest:.3g}")
