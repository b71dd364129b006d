"""Writes test/fixtures/deconv-googlenet.json: projections of BVLC's GoogLeNet that ours must equal.

The network is written here once more, from its paper and Caffe's prototxt, and the three rules are PyTorch's own
backward pass with another backward for ReLU (deconvnet: the signal rectified; guided: also masked) and, for the
deconvnet, normalisation passed over. The picture is the centre 224x224 of test/fixtures/photos/chelsea.png, unscaled.

Usage, from the project's root, with Debian's python3-torch: python3 tools/torch/deconv_fixtures.py WEIGHTS.safetensors
"""
import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from laurel_torch import fixtures

LAYERS = [
    "conv1", "norm1", "conv3", "maxpool2", "inception3a.branch4", "inception3b", "inception4a",
    "inception4c.branch2", "inception5b", "avgpool", "fc",
]
MEAN = [123, 117, 104]
STEP = 32
STRONGEST = 16


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + length + start:8 + length + end], dtype="<f4")
        tensors[name] = torch.from_numpy(values.copy().reshape(entry["shape"]))
    return tensors


class DeconvReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, signal):
        return signal.clamp(min=0)


class GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, signal):
        (x,) = ctx.saved_tensors
        return signal.clamp(min=0) * (x > 0)


RELU = {"gradient": torch.relu, "deconvnet": DeconvReLU.apply, "guided": GuidedReLU.apply}


def googlenet(x, weights, rule):
    """Every layer of LAYERS by its name; a convolution's is before its ReLU."""
    relu = RELU[rule]
    values = {}

    def conv(x, name, stride=1, padding=0):
        return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, padding)

    def pool(x, stride=2, padding=0):
        return F.max_pool2d(x, 3, stride, padding, ceil_mode=True)

    def norm(x):
        y = F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1)
        return x + (y - x).detach() if rule == "deconvnet" else y

    values["conv1"] = conv(x, "conv1/7x7_s2", 2, 3)
    values["norm1"] = norm(pool(relu(values["conv1"])))
    values["conv3"] = conv(relu(conv(values["norm1"], "conv2/3x3_reduce")), "conv2/3x3", 1, 1)
    values["maxpool2"] = x = pool(norm(relu(values["conv3"])))
    for module in ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]:
        inside = f"inception_{module}"
        branches = [
            relu(conv(x, f"{inside}/1x1")),
            relu(conv(relu(conv(x, f"{inside}/3x3_reduce")), f"{inside}/3x3", 1, 1)),
            relu(conv(relu(conv(x, f"{inside}/5x5_reduce")), f"{inside}/5x5", 1, 2)),
            relu(conv(pool(x, 1, 1), f"{inside}/pool_proj")),
        ]
        for number, branch in enumerate(branches):
            values[f"inception{module}.branch{number + 1}"] = branch
        values[f"inception{module}"] = x = torch.cat(branches, 1)
        if module in ("3b", "4e"):
            x = pool(x)
    values["avgpool"] = x.mean((2, 3), keepdim=True)
    flat = values["avgpool"].flatten(1)
    values["fc"] = F.linear(flat, weights["loss3/classifier.weight"].flatten(1), weights["loss3/classifier.bias"])
    return values


def picture():
    photo = np.asarray(Image.open(pathlib.Path(__file__).parents[2] / "test/fixtures/photos/chelsea.png"))
    height, width, _ = photo.shape
    top, left = (height - 224) // 2, (width - 224) // 2
    pixels = photo[top:top + 224, left:left + 224].astype(np.float32) - np.float32(MEAN)
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())


def main():
    torch.set_num_threads(2)
    weights = read_safetensors(sys.argv[1])
    cases = []
    for rule in RELU:
        x = picture().requires_grad_()
        values = googlenet(x, weights, rule)
        for layer in LAYERS:
            value = values[layer].reshape(1, values[layer].shape[1], -1)
            plane = value.shape[2]
            # The layer's strongest unit, where it is strongest.
            unit, place = divmod(int(value.argmax()), plane)
            activation = value[0, unit, place]
            (pixels,) = torch.autograd.grad(activation, x, retain_graph=True)
            if rule == "deconvnet":
                pixels = pixels * activation.detach()
            width = values[layer].shape[3] if values[layer].dim() == 4 else 1
            pixels = pixels[0].double()
            order = pixels.abs().flatten().argsort(descending=True)
            cases.append(dict(
                rule=rule,
                layer=layer,
                unit=unit,
                position=list(divmod(place, width)),
                activation=float(activation),
                sum=float(pixels.sum()),
                magnitude=float(pixels.abs().sum()),
                norm=float(pixels.norm()),
                largest=float(pixels.abs().max()),
                strongest=[[int(i), float(f"{pixels.flatten()[i]:.7g}")] for i in order[:STRONGEST]],
                samples=[float(f"{value:.7g}") for value in pixels[:, STEP // 2::STEP, STEP // 2::STEP].flatten()],
            ))
    fixture = dict(torch=torch.__version__, mean=MEAN, step=STEP, cases=cases)
    text = json.dumps(fixture, separators=(",", ":")).replace('{"rule"', '\n{"rule"')
    (fixtures() / "deconv-googlenet.json").write_text(text + "\n")


main()
