"""PyTorch's side of bench/cold.ts.

python3 bench/torch_cold.py make CHECKPOINT    writes a resnet50 with seeded weights, as torchvision's are published
python3 bench/torch_cold.py CHECKPOINT IMAGE   classifies a picture, and prints the five most probable classes
"""
import json
import sys

import torch
from torchvision import models

if sys.argv[1] == "make":
    torch.manual_seed(1)
    torch.save(models.resnet50().state_dict(), sys.argv[2])
    sys.exit()

from PIL import Image
from torchvision import transforms

network = models.resnet50()
network.load_state_dict(torch.load(sys.argv[1]))
network.eval()
prepare = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
with torch.no_grad():
    probabilities = network(prepare(Image.open(sys.argv[2]).convert("RGB"))[None]).softmax(1)[0]
top = probabilities.topk(5)
print(json.dumps(dict(classes=top.indices.tolist(), probabilities=top.values.tolist(), torch=torch.__version__)))
