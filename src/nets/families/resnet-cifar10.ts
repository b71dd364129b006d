// The ResNets that the paper trains on CIFAR-10: He, Zhang, Ren, Sun, "Deep Residual Learning for Image
// Recognition", CVPR 2016, section 4.2. A 3x3 convolution, then 6n of them in basic blocks,
//   output size  32x32  16x16  8x8
//   layers       1+2n   2n     2n
//   channels     16     32     64
// a global average and a linear layer: 6n+2 layers, shortcuts without parameters (option A).
// Weight names: github akamaster/pytorch_resnet_cifar10's.
import { relu } from '../../graph/ops/index.ts';
import type { Family, NetworkDescription } from '../network.ts';
import { basic, convNorm, type Names, residualNetwork } from '../residual.ts';
import { type Shortcut, shortcutOption } from '../residual-options.ts';

const names: Names = {
  stages: ['layer1', 'layer2', 'layer3'],
  shortcut: 'shortcut',
  pool: 'avg_pool',
  classifier: 'linear',
};

function resnet(layers: number): NetworkDescription {
  const n = (layers - 2) / 6;
  return {
    name: `resnet${layers}`,
    year: 2015,
    paper: 'He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2',
    forms: {
      cifar: {
        channels: 3,
        height: 32,
        width: 32,
        classes: 10,
        options: { shortcut: { ...shortcutOption, default: 'A' } },
        build: (x, net, classes, { shortcut }) =>
          residualNetwork(x, net, classes, {
            names,
            stem: (picture) =>
              relu(convNorm(picture, net, ['conv1', 'bn1'], { kernel: 3, channels: 16 }, { start: 'he' })),
            blocks: [n, n, n],
            widths: [16, 32, 64],
            branch: basic,
            shortcut: shortcut as Shortcut,
            start: 'he',
          }),
      },
    },
  };
}

export default {
  name: 'ResNet for CIFAR-10',
  networks: [20, 32, 44, 56, 110].map(resnet),
} satisfies Family;
