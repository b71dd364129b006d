// The squeeze-and-excitation block: Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-Excitation Networks", TPAMI 2020
// (CVPR 2018), section 3. A gate per channel, from what the whole picture has in all channels:
//   s = sigmoid(W2 relu(W1 squeeze(x) + b1) + b2),  y = s x,  W1: C/r x C,  W2: C x C/r
// C/r is rounded down, as in the published weights.
import { UserError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import { flatten, multiply, relu, reshape, sigmoid } from '../graph/ops/index.ts';
import type { Layers } from './layers.ts';
import type { NetworkOption, OptionValues } from './network.ts';

export type Squeeze = 'average' | 'max';

/**
 * Where a residual block has its gate (section 6.5, figure 5): `standard` on the branch before the addition, `pre`
 * before the branch, `post` after the addition and its ReLU, `identity` on the shortcut (after its projection),
 * `3x3` in the branch after the (first) 3x3 convolution and its batch norm.
 */
export type Placement = 'standard' | 'pre' | 'post' | 'identity' | '3x3';

export interface Gate {
  readonly placement: Placement;
  /** r: the channels of a gate's hidden layer are 1/r of its input's. */
  readonly reduction: number;
  readonly squeeze: Squeeze;
  /** What checkpoints call it. */
  readonly names: GateNames;
}

export interface GateNames {
  readonly module: string;
  readonly reduce: string;
  readonly expand: string;
  /** Whether the weights are those of linear layers (OxI) or of 1x1 convolutions (OxIx1x1). */
  readonly layers: 'linear' | '1x1';
}

/** The options of a network with gates. */
export const gateOptions: Readonly<Record<'placement' | 'reduction' | 'squeeze', NetworkOption>> = {
  placement: {
    description: 'where a block has its gate',
    default: 'standard',
    choices: ['standard', 'pre', 'post', 'identity', '3x3'],
  },
  reduction: { description: 'channels of a gate over those of its hidden layer', default: 16 },
  squeeze: {
    description: 'how a gate sums up a channel',
    default: 'average',
    choices: ['average', 'max'],
  },
};

export function gateOf(names: GateNames, { placement, reduction, squeeze }: OptionValues): Gate {
  return {
    names,
    placement: placement as Placement,
    reduction: reduction as number,
    squeeze: squeeze as Squeeze,
  };
}

/** `x`: NxCxHxW, each channel times its gate. */
export function gated(x: Value, net: Layers, { names, reduction, squeeze }: Gate): Value {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const hidden = Math.floor(channels / reduction);
  if (!Number.isInteger(reduction) || reduction < 1 || hidden < 1) {
    throw new UserError(
      `reduction is ${reduction}; expected a whole number from 1 to the channels of every gate (here ${channels}).`,
      { exitCode: 2 },
    );
  }
  const gate = net.module(names.module, () => {
    const z =
      squeeze === 'max' ? net.maxPool(x, 'squeeze', [height, width]) : net.globalAveragePool(x, 'squeeze');
    if (names.layers === '1x1') {
      return sigmoid(net.conv(relu(net.conv(z, names.reduce, hidden, 1)), names.expand, channels, 1));
    }
    const s = sigmoid(net.linear(relu(net.linear(flatten(z), names.reduce, hidden)), names.expand, channels));
    return reshape(s, [n, channels, 1, 1]);
  });
  return multiply(x, gate);
}
