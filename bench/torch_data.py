"""torchvision's side of the comparison of loaders: python3 bench/torch_data.py FOLDER BATCH

A step is one epoch over the pictures in FOLDER: RandomResizedCrop(224), mirror, normalise, by two worker processes. Its answer has
two numbers for each: milliseconds of the clock, and of all processes together.
"""
import json
import os
import sys
import time

import PIL
import torch
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms

folder, batch = sys.argv[1:3]
transform = transforms.Compose(
    [
        transforms.RandomResizedCrop(224),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
pictures = torchvision.datasets.ImageFolder(folder, transform)
loader = DataLoader(pictures, int(batch), shuffle=True, num_workers=2, persistent_workers=True)


def processor():
    """Milliseconds that this process and its children have computed."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        processes = ["self", *file.read().split()]
    ticks = 0
    for process in processes:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def step():
    before = time.perf_counter()
    used = processor()
    count = sum(len(labels) for _, labels in loader)
    assert count == len(pictures)
    return [1000 * (time.perf_counter() - before), processor() - used]


step()
library = f"torchvision {torchvision.__version__}, PyTorch {torch.__version__}, Pillow {PIL.__version__}"
print(json.dumps({"library": library, "pictures": len(pictures)}), flush=True)
for line in sys.stdin:
    print(json.dumps([number for _ in range(int(line)) for number in step()]), flush=True)
