// What AlexNet and ZFNet share: five convolutions, two hidden linear layers and the output, named as in Caffe's
// files (conv1, relu1, norm1, pool1 .. fc6, relu6, drop6 .. fc8), and the ablations of table 3 of Zeiler & Fergus
// 2014, which they made to their replication of AlexNet and, in part, to their own network.
import type { Value } from '../graph/graph.ts';
import { flatten, lrn, relu } from '../graph/ops/index.ts';
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
};

export interface EightLayers {
  /** Convolution and ReLU, or `x` itself where the layer is left out. */
  conv(x: Value, layer: number, maps: number, kernel: number, options: ConvOptions): Value;
  /** Local response normalisation with AlexNet's constants. */
  norm(x: Value, layer: number): Value;
  /** The 3x3 maximum at stride 2: overlapping pooling. */
  pool(x: Value, layer: number, options?: PoolOptions): Value;
  /** Layers 6, 7 and 8: linear, ReLU and dropout twice, then the logits. */
  head(x: Value, classes: number): Value;
}

/** `chosen`: values of `ablations`; `start`: how the weights of a layer (1 to 8) start, default as PyTorch's do. */
export function eightLayers(
  net: Layers,
  chosen: OptionValues,
  start: (layer: number) => Start = () => ({}),
): EightLayers {
  const isLeftOut = (layer: number): boolean => `${chosen.remove}`.includes(`${layer}`);
  const rectify = (x: Value, layer: number): Value => net.module(`relu${layer}`, () => relu(x));
  const hidden = (x: Value, layer: number): Value => {
    if (isLeftOut(layer)) return x;
    const h = net.linear(x, `fc${layer}`, chosen.fc as number, start(layer));
    return net.dropout(rectify(h, layer), `drop${layer}`, 0.5);
  };
  return {
    conv: (x, layer, maps, kernel, options) =>
      isLeftOut(layer)
        ? x
        : rectify(net.conv(x, `conv${layer}`, maps, kernel, { ...options, ...start(layer) }), layer),
    norm: (x, layer) => net.module(`norm${layer}`, () => lrn(x)),
    pool: (x, layer, options) => net.maxPool(x, `pool${layer}`, 3, { stride: 2, ...options }),
    head: (x, classes) => net.linear(hidden(hidden(flatten(x), 6), 7), 'fc8', classes, start(8)),
  };
}
