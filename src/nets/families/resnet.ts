// ResNet: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, table 1, in the form
// for 32x32 pictures that the article and github weiaicunzai/pytorch-cifar100 use (3x3 stride-1 stem, no stem
// pool), with that repository's weight names, so that its checkpoints load as they are.
import type { Value } from '../../graph/graph.ts';
import { add, flatten, relu } from '../../graph/ops/index.ts';
import type { Layers } from '../layers.ts';
import type { Family, NetworkDescription } from '../network.ts';

/** Two 3x3 convolutions and the identity, or a projection where the shape changes (option B). */
function basicBlock(x: Value, net: Layers, channels: number, stride: number): Value {
  const residual = net.module('residual_function', () => {
    let h = net.conv(x, '0', channels, 3, { stride, padding: 1, bias: false });
    h = relu(net.batchNorm(h, '1'));
    h = net.conv(h, '3', channels, 3, { padding: 1, bias: false });
    return net.batchNorm(h, '4');
  });
  if (stride === 1 && x.shape[1] === channels) return relu(add(residual, x));
  const shortcut = net.module('shortcut', () =>
    net.batchNorm(net.conv(x, '0', channels, 1, { stride, bias: false }), '1'),
  );
  return relu(add(residual, shortcut));
}

/** `blocks`: residual blocks in each of the four stages. */
function cifarResnet(blocks: readonly number[]) {
  return (x: Value, net: Layers, classes: number): Value => {
    let h = net.module('conv1', () =>
      relu(net.batchNorm(net.conv(x, '0', 64, 3, { padding: 1, bias: false }), '1')),
    );
    for (const [stage, count] of blocks.entries()) {
      const entrance = h;
      h = net.module(`conv${stage + 2}_x`, () => {
        let inside = entrance;
        for (let i = 0; i < count; i++) {
          const before = inside;
          const stride = i === 0 && stage > 0 ? 2 : 1;
          inside = net.module(`${i}`, () => basicBlock(before, net, 64 << stage, stride));
        }
        return inside;
      });
    }
    return net.linear(flatten(net.globalAveragePool(h, 'avg_pool')), 'fc', classes);
  };
}

function resnet(name: string, blocks: readonly number[]): NetworkDescription {
  return {
    name,
    year: 2015,
    paper: 'He et al., Deep Residual Learning for Image Recognition, CVPR 2016',
    forms: { cifar: { channels: 3, height: 32, width: 32, classes: 100, build: cifarResnet(blocks) } },
  };
}

export const resnet18 = resnet('resnet18', [2, 2, 2, 2]);
export const resnet34 = resnet('resnet34', [3, 4, 6, 3]);

export default { name: 'ResNet', networks: [resnet18, resnet34] } satisfies Family;
