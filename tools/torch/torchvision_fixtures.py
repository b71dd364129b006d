"""Writes test/fixtures/torchvision-logits.json: what torchvision's networks give, which ours of the same names must.

Usage, from the project's root, with Debian's python3-torch and python3-torchvision (all networks, or those named):
    python3 tools/torch/torchvision_fixtures.py [NET...]

Weights are functions of (seed, name), the same on both sides, and everything is computed in float64, so that the
file holds the results themselves and no library's rounding. Kept for each network: the logits in inference form,
and of one training step without dropout the loss and a fingerprint of every gradient (sum, sum of absolute values,
three elements).

A gradient jumps where an activation stands at ReLU's kink or two are equal below a maximum pool, and float32 decides
such a case by its rounding. Of many noise batches the one is taken that stays farthest from all of them;
batch normalisation leaves most channels open nearly always, so that such a batch exists.
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
from torch.nn import functional

from laurel_torch import batch_of, fixtures, stream_of, uniforms

SEED = 7
CLASSES = 20
BATCHES = 30
# Gains keep the activations of chains (6: He's start) and of residual sums (3) at the scale of their input.
CHAIN = dict(gain=math.sqrt(6), batch=4, size=64)
RESIDUAL = dict(gain=math.sqrt(3), batch=4, size=64)
NETWORKS = {
    "alexnet_owt": dict(CHAIN, theirs="alexnet"),
    **{f"vgg{depth}{bn}": dict(CHAIN, size=32) for depth in (11, 13, 16, 19) for bn in ("", "_bn")},
    "googlenet_bn": dict(CHAIN, theirs="googlenet"),
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
            if not isinstance(module, nn.BatchNorm2d):
                # Logits stay small, so that pictures and labels tell in their gradient.
                share = 0.1 if len(module.weight) == CLASSES else 1
                values = (2 * drawn - 1) * (share * gain / math.sqrt(module.weight[0].numel()))
            elif kind == "bias":
                values = np.where(drawn < 1 / 16, -0.5, 2) + drawn
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
    losses = [functional.cross_entropy(head, labels) for head in heads]
    loss = losses[0] + 0.3 * sum(losses[1:])
    loss.backward()
    return loss.item(), {key: fingerprint(value.grad) for key, value in sorted(network.named_parameters())}


def margin(network, images):
    """How far the nearest decision of a forward pass is from tipping, relative to the tensor it is made in."""
    margins = []
    relu, max_pool2d = functional.relu, functional.max_pool2d

    def watched_relu(x, inplace=False):
        margins.append((x.abs().min() / x.std()).item())
        return relu(x, inplace)

    def watched_pool(x, kernel_size, stride, padding, dilation, ceil_mode=False, return_indices=False):
        far = padding + (stride - 1 if ceil_mode else 0)
        padded = functional.pad(x, (padding, far, padding, far), value=-math.inf)
        windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride).flatten(4)
        first, second = windows.topk(2).values.unbind(-1)
        gaps = (first - second)[(first > 0) & (first > second)]
        margins.append((gaps.min() / x.std()).item())
        return max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    functional.relu, functional.max_pool2d = watched_relu, watched_pool
    try:
        with torch.no_grad():
            network.train()(images)
    finally:
        functional.relu, functional.max_pool2d = relu, max_pool2d
    return min(margins)


def fixture(name, batch, size, gain, theirs=None):
    arguments = dict(aux_logits=True, init_weights=False) if name == "googlenet_bn" else {}
    if name.startswith("vgg"):
        arguments["init_weights"] = False
    network = make(theirs or name, **arguments)
    fill(network, gain)
    network.double()

    def images_of(number):
        images, labels = batch_of(SEED, number, batch, (3, size, size), CLASSES)
        return images.double(), labels

    statistics = {key: value.clone() for key, value in network.named_buffers()}
    margins = [margin(network, images_of(number)[0]) for number in range(BATCHES)]
    for key, value in network.named_buffers():
        value.copy_(statistics[key])
    number = int(np.argmax(margins))
    images, labels = images_of(number)
    network.eval()
    with torch.no_grad():
        logits = network(images)
    loss, gradients = step(network, images, labels)
    return dict(
        name=name,
        seed=SEED,
        gain=gain,
        batch=batch,
        number=number,
        margin=float(f"{margins[number]:.2g}"),
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


target = fixtures() / "torchvision-logits.json"
networks = {}
if target.exists():
    networks = {known["name"]: known for known in json.loads(target.read_text())["networks"]}
for name in sys.argv[1:] or NETWORKS:
    start = time.time()
    networks[name] = fixture(name, **NETWORKS[name])
    write(networks)
    loss, distance = networks[name]["loss"], networks[name]["margin"]
    print(f"{name}: loss {loss:.4f}, margin {distance}, {time.time() - start:.0f} s", flush=True)
print(f"{target}: {target.stat().st_size} bytes")
