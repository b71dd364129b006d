"""Writes test/fixtures/torchvision-logits.json: what torchvision's networks give, which ours of the same names must.

Usage, from the project's root, with Debian's python3-torch and python3-torchvision (all networks, or those named):
    python3 tools/torch/torchvision_fixtures.py [NET...]

Weights are functions of (seed, name), the same on both sides, and everything is computed in float64, so that the
file holds the results themselves and no library's rounding. Kept for each network: the logits in inference form,
and of one training step without dropout the loss and a fingerprint of every gradient (sum, sum of absolute values,
three elements).
"""
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

SEED = 7
CLASSES = 20
# Gains keep the activations of chains (6: He's start) and of residual sums (3) at the scale of their input.
CHAIN = dict(gain=math.sqrt(6), batch=2, size=64)
RESIDUAL = dict(gain=math.sqrt(3), batch=4, size=64)
NETWORKS = {
    "alexnet_owt": dict(torchvision="alexnet", **CHAIN),
    **{f"vgg{depth}{bn}": dict(CHAIN, batch=4 if bn else 2) for depth in (11, 13, 16, 19) for bn in ("", "_bn")},
    "googlenet_bn": dict(CHAIN, torchvision="googlenet", batch=4, size=96),
    **{f"resnet{depth}": RESIDUAL for depth in (18, 34, 50, 101, 152)},
    "resnext50_32x4d": RESIDUAL,
    "resnext101_32x8d": RESIDUAL,
}


def make(name, **arguments):
    return getattr(torchvision.models, name)(num_classes=CLASSES, **arguments)


def fill(network, gain):
    """Overwrites every weight and statistic with a function of (SEED, its name)."""
    for module_name, module in network.named_modules():
        for kind, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if kind == "num_batches_tracked":
                continue
            drawn = uniforms(SEED, stream_of(f"{module_name}.{kind}"), tensor.numel())
            if isinstance(module, nn.BatchNorm2d):
                centre = 1 if kind in ("weight", "running_var") else 0
                values = centre + (drawn - 0.5) / 2
            else:
                values = (2 * drawn - 1) * (gain / math.sqrt(module.weight[0].numel()))
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


def fixture(name, batch, size, gain, **known):
    arguments = dict(aux_logits=True, init_weights=False) if name == "googlenet_bn" else {}
    if name.startswith("vgg"):
        arguments["init_weights"] = False
    network = make(known.get("torchvision", name), **arguments)
    fill(network, gain)
    network.double()
    images, labels = batch_of(SEED, 0, batch, (3, size, size), CLASSES)
    images = images.double()
    network.eval()
    with torch.no_grad():
        logits = network(images)
    network.train()
    # The fixed statistics stay as they are: only this step is looked at.
    output = network(images)
    heads = [output] if isinstance(output, torch.Tensor) else list(output)
    losses = [cross_entropy(head, labels) for head in heads]
    loss = losses[0] + 0.3 * sum(losses[1:])
    loss.backward()
    gradients = {key: fingerprint(value.grad) for key, value in sorted(network.named_parameters())}
    return dict(
        name=name,
        seed=SEED,
        gain=gain,
        batch=batch,
        size=size,
        classes=CLASSES,
        logits=rounded(logits.flatten().tolist(), 9),
        loss=loss.item(),
        gradients=gradients,
    )


target = pathlib.Path(__file__).parents[2] / "test/fixtures/torchvision-logits.json"
networks = {}
if target.exists():
    networks = {known["name"]: known for known in json.loads(target.read_text())["networks"]}
for name in sys.argv[1:] or NETWORKS:
    start = time.time()
    networks[name] = fixture(name, **NETWORKS[name])
    print(f"{name}: loss {networks[name]['loss']:.4f}, logits up to {max(map(abs, networks[name]['logits'])):.3g}, "
          f"{time.time() - start:.0f} s", flush=True)
versions = dict(torch=torch.__version__, torchvision=torchvision.__version__)
# A line for each network: readable enough, and a third of the size of indented text.
lines = [json.dumps(networks[name], separators=(",", ":")) for name in NETWORKS if name in networks]
head = json.dumps(versions)[:-1]
temporary = target.with_suffix(".tmp")
temporary.write_text(head + ', "networks": [\n' + ",\n".join(lines) + "\n]}\n")
temporary.replace(target)
print(f"{target}: {target.stat().st_size} bytes")
