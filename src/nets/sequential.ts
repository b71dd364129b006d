// Layers one after another, each under its index: how PyTorch's nn.Sequential names them, so that checkpoints of
// networks written that way (AlexNet and VGG of torchvision, all of pytorch-cifar100) load by name. ReLU and
// dropout count as layers, and can be looked at by name.
import type { Value } from '../graph/graph.ts';
import type { Pair } from '../graph/ops/convolution.ts';
import { relu } from '../graph/ops/index.ts';
import type { BatchNormOptions, ConvOptions, Layers, LinearOptions, PoolOptions } from './layers.ts';

/** A layer that takes its place, and with it its name, in a sequence. */
export type Step = (x: Value, net: Layers, name: string) => Value;

export function sequential(x: Value, net: Layers, name: string, steps: readonly Step[]): Value {
  return net.module(name, () => steps.reduce((h, step, index) => step(h, net, `${index}`), x));
}

export const rectify: Step = (x, net, name) => net.module(name, () => relu(x));

export function conv(outputs: number, kernel: number | Pair, options?: ConvOptions): Step {
  return (x, net, name) => net.conv(x, name, outputs, kernel, options);
}

export function batchNorm(options?: BatchNormOptions): Step {
  return (x, net, name) => net.batchNorm(x, name, options);
}

export function maxPool(kernel: number | Pair, options?: PoolOptions): Step {
  return (x, net, name) => net.maxPool(x, name, kernel, options);
}

export function dropout(rate: number): Step {
  return (x, net, name) => net.dropout(x, name, rate);
}

export function linear(outputs: number, options?: LinearOptions): Step {
  return (x, net, name) => net.linear(x, name, outputs, options);
}
