"""PyTorch's side of bench/classify.ts.

python3 bench/torch_cold.py make NET CHECKPOINT    writes seeded weights, as torchvision's are published
python3 bench/torch_cold.py NET CHECKPOINT IMAGE   classifies a picture, and prints the five most probable classes
"""
import json
import sys

import torch
from torchvision import models

if sys.argv[1] == "make":
    torch.manual_seed(1)
    torch.save(getattr(models, sys.argv[2])().state_dict(), sys.argv[3])
    sys.exit()

from PIL import Image
from torchvision import transforms

name, checkpoint, picture = sys.argv[1:4]
network = getattr(models, name)()
network.load_state_dict(torch.load(checkpoint))
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
    probabilities = network(prepare(Image.open(picture).convert("RGB"))[None]).softmax(1)[0]
top = probabilities.topk(5)
print(json.dumps(dict(classes=top.indices.tolist(), probabilities=top.values.tolist(), torch=torch.__version__)))
