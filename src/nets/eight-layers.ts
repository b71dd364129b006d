// What AlexNet and ZFNet share: five convolutions, two hidden linear layers and the output, named as in Caffe's
// files (conv1, relu1, norm1, pool1 .. fc6, relu6, drop6 .. fc8), the ablations of table 3 of Zeiler & Fergus 2014,
// which they made to their replication of AlexNet and, in part, to their own network, and what AlexNet's paper holds
// its own choices against: sections 3.1 (tanh), 3.3 (no normalisation) and 3.4 (pools that do not overlap).
import type { Value } from '../graph/graph.ts';
import { flatten, lrn, relu, tanh } from '../graph/ops/index.ts';
import type { ConvOptions, Layers, PoolOptions, Start } from './layers.ts';
import type { NetworkOption, OptionValues } from './network.ts';

export const ablations: Readonly<Record<string, NetworkOption>> = {
  remove: {
    description: 'layers left out, as in table 3 of Zeiler & Fergus 2014: 34 is layers 3 and 4',
    default: 'none',
    choices: ['none', '34', '7', '67', '3467'],
  },
  fc: {
    description: 'units of the hidden linear layers 6 and 7',
    default: 4096,
    choices: [2048, 4096, 8192],
  },
  activation: { description: 'after every layer but the last', default: 'relu', choices: ['relu', 'tanh'] },
  lrn: { description: 'local response normalisation in layers 1 and 2', default: true },
  pooling: {
    description: 'overlapping: maxima of 3x3 at stride 2; plain: of 2x2 at stride 2',
    default: 'overlapping',
    choices: ['overlapping', 'plain'],
  },
};

export interface EightLayers {
  /** Convolution and activation, or `x` itself where the layer is left out. */
  conv(x: Value, layer: number, maps: number, kernel: number, options: ConvOptions): Value;
  /** Local response normalisation with AlexNet's constants, or `x` itself where it is switched off. */
  norm(x: Value, layer: number): Value;
  /** The 3x3 maximum at stride 2 (overlapping pooling), or the 2x2 one. */
  pool(x: Value, layer: number, options?: PoolOptions): Value;
  /** Layers 6, 7 and 8: linear, activation and dropout twice, then the logits. */
  head(x: Value, classes: number): Value;
}

/** `chosen`: values of `ablations`; `start`: how the weights of a layer (1 to 8) start, default as PyTorch's do. */
export function eightLayers(
  net: Layers,
  chosen: OptionValues,
  start: (layer: number) => Start = () => ({}),
): EightLayers {
  const isLeftOut = (layer: number): boolean => `${chosen.remove}`.includes(`${layer}`);
  // Two by two, without partial windows, gives the planes that three by three gives.
  const plain = chosen.pooling === 'plain';
  const squash = chosen.activation === 'tanh' ? tanh : relu;
  const activate = (x: Value, layer: number): Value => net.module(`relu${layer}`, () => squash(x));
  const hidden = (x: Value, layer: number): Value => {
    if (isLeftOut(layer)) return x;
    const h = net.linear(x, `fc${layer}`, chosen.fc as number, start(layer));
    return net.dropout(activate(h, layer), `drop${layer}`, 0.5);
  };
  return {
    conv: (x, layer, maps, kernel, options) =>
      isLeftOut(layer)
        ? x
        : activate(net.conv(x, `conv${layer}`, maps, kernel, { ...options, ...start(layer) }), layer),
    norm: (x, layer) => (chosen.lrn ? net.module(`norm${layer}`, () => lrn(x)) : x),
    pool: (x, layer, options) =>
      plain
        ? net.maxPool(x, `pool${layer}`, 2)
        : net.maxPool(x, `pool${layer}`, 3, { stride: 2, ...options }),
    head: (x, classes) => net.linear(hidden(hidden(flatten(x), 6), 7), 'fc8', classes, start(8)),
  };
}
