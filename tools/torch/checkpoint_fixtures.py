"""Writes test/fixtures/checkpoints/: small checkpoints as PyTorch makes them, and expected.json with their values.

Usage, from the project's root, with Debian's python3-torch: python3 tools/torch/checkpoint_fixtures.py
"""
import argparse
import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import torch
from torch import nn

from laurel_torch import fixtures

FOLDER = fixtures() / "checkpoints"


def numbers(*shape):
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float32) * 0.375 - 2).reshape(shape)


def types():
    values = torch.tensor([-2.0, 0.0, 1.5, 100.0])
    half = torch.tensor([1 / 3, 65504.0, 6e-8, float("inf"), float("-inf")])
    return {
        "float": values,
        "double": values.double() / 3,
        "half": half.half(),
        "bfloat16": half.bfloat16(),
        "long": torch.tensor([3, -4, 2**40]),
        "int": torch.tensor([3, -4], dtype=torch.int32),
        "short": torch.tensor([3, -400], dtype=torch.int16),
        "char": torch.tensor([3, -128], dtype=torch.int8),
        "byte": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
    }


def views():
    base = numbers(4, 6)
    filters = numbers(2, 3, 2, 2)
    shared = numbers(5, 2)
    return collections.OrderedDict(
        transposed=base.t(),
        every_second=base[::2, 1::2],
        row=base[2],
        half_transposed=numbers(3, 4).half().t(),
        channels_last=filters.to(memory_format=torch.channels_last),
        expanded=torch.tensor([1.0, 2.0]).expand(3, 2),
        tied=shared,
        tied_again=shared,
        tied_part=shared[1:3],
        parameter=nn.Parameter(numbers(2, 2)),
        frozen=nn.Parameter(numbers(3).double(), requires_grad=False),
    )


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3)
        self.bn1 = nn.BatchNorm2d(2)
        self.fc = nn.Linear(4, 3)


def small():
    torch.manual_seed(5)
    return Small()


def with_attribute():
    tensor = numbers(2, 3)
    tensor.note = "a tensor with an attribute"
    return {"weight": tensor}


def optimiser_state(network):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network.fc(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def checkpoints():
    """Name, object, and the state dict that must be found in it."""
    plain = small().state_dict()
    yield "types", types(), types()
    yield "views", views(), views()
    yield "state-dict", plain, plain
    yield "module", nn.DataParallel(small()).state_dict(), plain
    compiled = {f"_orig_mod.module.{name}": value for name, value in plain.items()}
    yield "compiled", {"net": compiled}, plain
    network = small()
    state = optimiser_state(network)
    whole = {
        "epoch": 90,
        "arch": "small",
        "best_acc1": torch.tensor(76.5),
        "state_dict": network.state_dict(),
        "state_dict_ema": {name: value * 0 for name, value in plain.items()},
        "optimizer": state,
    }
    yield "nested", whole, network.state_dict()
    yield "model", {"model": plain, "lr": 0.1, "done": True}, plain
    yield "ema", {"state_dict_ema": plain}, plain
    yield "parameters", {"state_dict": dict(small().named_parameters())}, dict(small().named_parameters())
    yield "attribute", with_attribute(), with_attribute()


def value(number):
    return number if number == number and abs(number) != float("inf") else str(number)


def described(tensor):
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "values": [value(number) for number in tensor.detach().float().flatten().tolist()],
    }


def refused():
    """Checkpoints of PyTorch's own that are not weights alone: (name, object, what the refusal names)."""
    yield "whole-model", small(), "__main__.Small"
    yield "namespace", {"args": argparse.Namespace(lr=0.1), "state_dict": {}}, "argparse.Namespace"
    yield "complex", {"w": torch.ones(2, dtype=torch.complex64)}, "torch.ComplexFloatStorage"


FOLDER.mkdir(parents=True, exist_ok=True)
expected = {"torch": torch.__version__, "files": [], "refused": []}
for name, content, state in checkpoints():
    for format, zipped in (("zip", True), ("legacy", False)):
        file = f"{name}.{format}.pth"
        torch.save(content, FOLDER / file, _use_new_zipfile_serialization=zipped)
        tensors = {key: described(tensor) for key, tensor in state.items()}
        expected["files"].append({"file": file, "format": format, "tensors": tensors})
for protocol in (3, 4):
    for format, zipped in (("zip", True), ("legacy", False)):
        file = f"protocol-{protocol}.{format}.pth"
        torch.save(views(), FOLDER / file, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
        tensors = {key: described(tensor) for key, tensor in views().items()}
        expected["files"].append({"file": file, "format": format, "tensors": tensors})
for name, content, named in refused():
    for format, zipped in (("zip", True), ("legacy", False)):
        file = f"{name}.{format}.pth"
        torch.save(content, FOLDER / file, _use_new_zipfile_serialization=zipped)
        expected["refused"].append({"file": file, "named": named})
torch.jit.script(nn.Linear(2, 2)).save(str(FOLDER / "torchscript.pt"))
expected["refused"].append({"file": "torchscript.pt", "named": "TorchScript"})
(FOLDER / "expected.json").write_text(json.dumps(expected) + "\n")
print(f"{FOLDER}: {sum(file.stat().st_size for file in FOLDER.iterdir())} bytes")
