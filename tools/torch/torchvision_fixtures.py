"""Writes test/fixtures/torchvision-logits.json: what torchvision's networks give, which ours of the same names must.

Usage, from the project's root, with Debian's python3-torch and python3-torchvision (all networks, or those named):
    python3 tools/torch/torchvision_fixtures.py [NET...]

Weights are functions of (seed, name), the same on both sides, and everything is computed in float64, so that the
file holds the results themselves and no library's rounding. Kept for each network: the logits in inference form,
and of one training step without dropout the loss and a fingerprint of every gradient (sum, sum of absolute values,
three elements).

The step must be well conditioned, or float32 cannot follow it: where an activation stands within rounding of ReLU's
kink, or two within rounding of each other below a maximum pool, its gradient jumps. Batch normalisation therefore
leaves half of the channels mostly open and half half-closed, and the seed is the first for which PyTorch's own float32
agrees with its float64.
"""
import copy
import json
import math
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn.functional import cross_entropy

from laurel_torch import batch_of, stream_of, uniforms

# Where the search for a seed begins: the first that it ended with, so that it need not be repeated.
FIRST_SEEDS = dict(vgg11=8, vgg11_bn=8, vgg13_bn=8, vgg16=8, vgg16_bn=8, vgg19_bn=9)
# How far float32 may be from float64, a third of what ours may be.
CONDITION = 3e-4
CLASSES = 20
# Gains keep the activations of chains (6: He's start) and of residual sums (3) at the scale of their input.
CHAIN = dict(gain=math.sqrt(6), batch=2, size=64)
RESIDUAL = dict(gain=math.sqrt(3), batch=4, size=64)
NETWORKS = {
    "alexnet_owt": dict(theirs="alexnet", **CHAIN),
    **{f"vgg{depth}{bn}": dict(CHAIN, batch=4 if bn else 2) for depth in (11, 13, 16, 19) for bn in ("", "_bn")},
    "googlenet_bn": dict(CHAIN, theirs="googlenet", batch=4, size=96),
    **{f"resnet{depth}": RESIDUAL for depth in (18, 34, 50, 101, 152)},
    "resnext50_32x4d": RESIDUAL,
    "resnext101_32x8d": RESIDUAL,
}


def make(name, **arguments):
    return getattr(torchvision.models, name)(num_classes=CLASSES, **arguments)


def fill(network, gain, seed):
    """Overwrites every weight and statistic with a function of (seed, its name)."""
    for module_name, module in network.named_modules():
        for kind, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if kind == "num_batches_tracked":
                continue
            drawn = uniforms(seed, stream_of(f"{module_name}.{kind}"), tensor.numel())
            if not isinstance(module, nn.BatchNorm2d):
                values = (2 * drawn - 1) * (gain / math.sqrt(module.weight[0].numel()))
            elif kind == "bias":
                values = np.where(drawn < 0.5, -1, 1.5) + drawn
            else:
                values = (0 if kind == "running_mean" else 1) + (drawn - 0.5) / 2
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape))
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def rounded(numbers, digits=7):
    return [float(f"{number:.{digits}g}") for number in numbers]


def fingerprint(gradient):
    flat = gradient.flatten()
    samples = [flat[len(flat) * (2 * k + 1) // 6].item() for k in range(3)]
    return rounded([flat.sum().item(), flat.abs().sum().item(), *samples], 6)


def step(network, images, labels):
    """Loss and gradients' fingerprints of one training step."""
    network.train()
    output = network(images)
    heads = [output] if isinstance(output, torch.Tensor) else list(output)
    losses = [cross_entropy(head, labels) for head in heads]
    loss = losses[0] + 0.3 * sum(losses[1:])
    loss.backward()
    return loss.item(), {key: fingerprint(value.grad) for key, value in sorted(network.named_parameters())}


def difference(network, exact, single):
    """The worst difference of two sets of fingerprints, in the measure that the test uses."""
    worst = 0
    for key, parameter in network.named_parameters():
        if abs(exact[key][1]) < 1e-9 * parameter.numel():
            continue  # A bias ahead of batch normalisation: 0 but for rounding.
        mean = exact[key][1] / parameter.numel()
        sums = [abs(a - b) / exact[key][1] for a, b in zip(exact[key][:2], single[key][:2])]
        samples = [abs(a - b) / max(mean, abs(a)) for a, b in zip(exact[key][2:], single[key][2:])]
        worst = max(worst, *sums, *samples)
    return worst


def fixture(name, batch, size, gain, theirs=None):
    arguments = dict(aux_logits=True, init_weights=False) if name == "googlenet_bn" else {}
    if name.startswith("vgg"):
        arguments["init_weights"] = False
    first = FIRST_SEEDS.get(name, 7)
    for seed in range(first, first + 20):
        network = make(theirs or name, **arguments)
        fill(network, gain, seed)
        images, labels = batch_of(seed, 0, batch, (3, size, size), CLASSES)
        _, single = step(copy.deepcopy(network), images, labels)
        network.double()
        images = images.double()
        network.eval()
        with torch.no_grad():
            logits = network(images)
        loss, gradients = step(network, images, labels)
        error = difference(network, gradients, single)
        print(f"{name}, seed {seed}: float32 is within {error:.2g} of float64", flush=True)
        if error <= CONDITION:
            break
    else:
        raise SystemExit(f"{name}: no seed gives a well-conditioned step.")
    return dict(
        name=name,
        seed=seed,
        gain=gain,
        batch=batch,
        size=size,
        classes=CLASSES,
        logits=rounded(logits.flatten().tolist(), 9),
        loss=loss,
        gradients=gradients,
    )


def write(networks):
    # A line for each network: readable enough, and a third of the size of indented text.
    lines = [json.dumps(networks[name], separators=(",", ":")) for name in NETWORKS if name in networks]
    head = json.dumps(dict(torch=torch.__version__, torchvision=torchvision.__version__))[:-1]
    temporary = target.with_suffix(".tmp")
    temporary.write_text(head + ', "networks": [\n' + ",\n".join(lines) + "\n]}\n")
    temporary.replace(target)


target = pathlib.Path(__file__).parents[2] / "test/fixtures/torchvision-logits.json"
networks = {}
if target.exists():
    networks = {known["name"]: known for known in json.loads(target.read_text())["networks"]}
for name in sys.argv[1:] or NETWORKS:
    start = time.time()
    networks[name] = fixture(name, **NETWORKS[name])
    write(networks)
    print(f"{name}: loss {networks[name]['loss']:.4f}, {time.time() - start:.0f} s", flush=True)
print(f"{target}: {target.stat().st_size} bytes")
