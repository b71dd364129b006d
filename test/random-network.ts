// Small networks put together at random from every op that a network in inference form can have, for properties that
// must hold for all of them. A function of the seed.
import { emitOne, type Value } from '../src/graph/graph.ts';
import {
  add,
  concat,
  flatten,
  lrn,
  relu,
  reshape,
  shortcutA,
  sigmoid,
  tanh,
} from '../src/graph/ops/index.ts';
import { reluOp } from '../src/graph/ops/relu.ts';
import { normals, streamOf, uniforms } from '../src/graph/random.ts';
import { elementCount } from '../src/graph/tensor.ts';
import type { Layers } from '../src/nets/layers.ts';
import { buildNetwork, type Network } from '../src/nets/network.ts';
import { gated } from '../src/nets/squeeze-excitation.ts';

/**
 * `any`: every op. `affine`: only ops whose derivative does not depend on the picture. `masked`: those, max pools and
 * ReLUs whose deconvnet rule is the gradient's mask.
 */
export type Kind = 'any' | 'affine' | 'masked';

export interface RandomNetwork {
  readonly network: Network;
  readonly tensors: Map<string, Float32Array>;
  /** Numbers for the network's pictures. */
  readonly images: Float32Array;
}

/** The ReLU of a deconvnet that keeps the forward mask. */
const { gradient } = reluOp;
const maskedReluOp = { ...reluOp, ...(gradient && { deconvnet: gradient, guided: gradient }) };

export function randomNetwork(seed: number, kind: Kind, batch = 1): RandomNetwork {
  let drawn = 0;
  const numbers = uniforms(seed, streamOf('structure'), 4000);
  const below = (count: number): number => Math.floor((numbers[drawn++] as number) * count);
  const pick = <T>(...items: readonly T[]): T => items[below(items.length)] as T;
  const rectify = (x: Value): Value => {
    if (kind === 'affine') return x;
    if (kind === 'masked') return emitOne(maskedReluOp, {}, [x]);
    return pick(relu, relu, relu, tanh, sigmoid)(x);
  };
  const side = (x: Value): number => Math.min(x.shape[2] as number, x.shape[3] as number);
  const channelsOf = (x: Value): number => x.shape[1] as number;

  const blocks: ((x: Value, net: Layers) => Value)[] = [
    (x, net) => {
      const groups = channelsOf(x) % 2 === 0 ? pick(1, 2) : 1;
      const kernel = pick<[number, number]>([1, 1], [3, 3], [3, 2], [2, 3]);
      const dilation = side(x) > 8 ? pick(1, 2) : 1;
      const options = {
        stride: pick(1, 1, 2),
        padding: pick(0, 1),
        groups,
        dilation,
        bias: pick(true, false),
      };
      return rectify(net.conv(x, 'conv', pick(4, 6), kernel, options));
    },
    (x, net) => rectify(net.batchNorm(net.conv(x, 'conv', 4, 3, { padding: 1, bias: false }), 'bn')),
    (x, net) =>
      net.averagePool(x, 'average', pick(2, 3), { stride: pick(1, 2), padding: 1, ceil: pick(true, false) }),
    (x, net) => {
      const branch = net.conv(x, 'conv', channelsOf(x), 3, { padding: 1 });
      return rectify(concat([net.averagePool(branch, 'pool', 3, { stride: 1, padding: 1 }), x]));
    },
    (x, net) => {
      const branch = net.conv(x, 'conv', channelsOf(x) + 3, 3, { stride: 2, padding: 1 });
      return rectify(net.module('sum', () => add(branch, shortcutA(x, channelsOf(x) + 3, 2))));
    },
    (x, net) => net.adaptiveAveragePool(x, 'adaptive', side(x) - 1),
  ];
  if (kind !== 'affine') {
    blocks.push((x, net) =>
      net.maxPool(x, 'max', pick(2, 3), { stride: pick(1, 2), padding: pick(0, 1), ceil: pick(true, false) }),
    );
  }
  if (kind === 'any') {
    blocks.push(
      (x) => lrn(x, { alpha: 0.1, k: 1, sum: pick(true, false) }),
      (x, net) => {
        const names = { module: 'se', reduce: 'fc1', expand: 'fc2', layers: pick('linear', '1x1') } as const;
        return gated(x, net, { placement: 'standard', reduction: 2, squeeze: pick('average', 'max'), names });
      },
    );
  }

  const build = (x: Value, net: Layers): Value => {
    let h = net.module('stem', () => rectify(net.conv(x, 'conv', 4, 3, { stride: pick(1, 2), padding: 1 })));
    for (let i = 0; i < 5 && side(h) >= 4; i++) {
      const block = pick(...blocks);
      h = net.module(`block${i}`, () => block(h, net));
    }
    const flat = flatten(h);
    const hidden = rectify(net.linear(flat, 'hidden', 24));
    return flatten(reshape(net.linear(hidden, 'out', 4), [batch, 4, 1, 1]));
  };
  const form = { channels: 3, height: 11 + below(6), width: 11 + below(6), classes: 4, build };
  const network = buildNetwork(
    { name: `random-${kind}-${seed}`, year: 2000, paper: 'none', forms: { cifar: form } },
    { batch },
  );
  const tensors = new Map<string, Float32Array>();
  for (const [name, { shape }] of network.graph.states) {
    const positive = /running_var$/.test(name);
    const values = normals(seed, streamOf(name), elementCount(shape));
    const scale = shape.length > 1 ? 1.5 / Math.sqrt(elementCount(shape.slice(1))) : 0.5;
    tensors.set(
      name,
      Float32Array.from(values, (z) => (positive ? 0.5 + z * z : z * scale)),
    );
  }
  const images = Float32Array.from(normals(seed, streamOf('images'), elementCount(network.images.shape)));
  return { network, tensors, images };
}
