"""The networks that PyTorch runs in comparisons: torchvision's where it has them, the small ones of tools/torch, and
SE-ResNet, which torchvision lacks, by its paper (Hu et al., TPAMI 2020, section 3.3 and table 1) around torchvision's
ResNet: every residual branch ends in a squeeze-and-excitation block with r = 16 before the addition.
"""
import pathlib
import sys

from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tools/torch"))

TORCHVISION = {"alexnet_owt": "alexnet", "googlenet_bn": "googlenet"}
SE_BLOCKS = {"seresnet50": [3, 4, 6, 3], "seresnet101": [3, 4, 23, 3], "seresnet152": [3, 8, 36, 3]}


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.excitation = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, x):
        gate = self.excitation(self.squeeze(x).flatten(1))
        return x * gate[:, :, None, None]


def se_resnet(blocks):
    from torchvision.models.resnet import Bottleneck, ResNet

    class SEBottleneck(Bottleneck):
        def __init__(self, inplanes, planes, *args, **kwargs):
            super().__init__(inplanes, planes, *args, **kwargs)
            self.se = SqueezeExcitation(4 * planes)

        def forward(self, x):
            shortcut = x if self.downsample is None else self.downsample(x)
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.relu(self.bn2(self.conv2(y)))
            return self.relu(self.se(self.bn3(self.conv3(y))) + shortcut)

    network = ResNet(SEBottleneck, blocks)
    # Caffe's stem, as the published weights have it: the pool rounds up and has no padding.
    network.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return network


def network_of(name, form):
    """The network, the shape of a picture, and its classes."""
    if form == "cifar" or name == "lenet":
        from laurel_torch import build

        network, shape = build(name, form, seed=1)
        return network, shape, 10 if name == "lenet" else 100
    if name in SE_BLOCKS:
        return se_resnet(SE_BLOCKS[name]), (3, 224, 224), 1000
    from torchvision import models

    options = {"aux_logits": False, "init_weights": False} if name == "googlenet_bn" else {}
    return getattr(models, TORCHVISION.get(name, name))(**options), (3, 224, 224), 1000
