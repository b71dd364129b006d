// A network small enough to work out by hand, and pictures for it, shared by the tests of scans and views.

import { allocateDataset, type Dataset } from '../data/dataset.ts';
import { randomStream } from '../data/random.ts';
import { datasetSource, type PictureSource } from '../evaluate/sources.ts';
import { flatten, relu } from '../graph/ops/index.ts';
import { buildNetwork, type Network, type NetworkDescription } from '../nets/network.ts';
import type { Subject } from './scan.ts';

export const tinyDescription: NetworkDescription = {
  name: 'tiny',
  year: 2000,
  paper: 'none',
  forms: {
    cifar: {
      channels: 3,
      height: 10,
      width: 12,
      classes: 3,
      build: (x, net, classes) => {
        let h = net.module('first', () => relu(net.conv(x, 'conv', 5, 3, { stride: 2, padding: 1 })));
        h = net.maxPool(h, 'pool', 2, { stride: 1 });
        h = net.module('second', () => relu(net.conv(h, 'conv', 6, 3, { padding: 1 })));
        return net.linear(flatten(net.globalAveragePool(h, 'mean')), 'fc', classes);
      },
    },
  },
};

export function tinyNetwork(batch: number): Network {
  return buildNetwork(tinyDescription, { batch });
}

/** Weights drawn with a seed. */
export function tinySubject(seed = 1): Subject {
  const network = tinyNetwork(1);
  const tensors = new Map<string, Float32Array>();
  for (const [name, { shape }] of network.graph.states) {
    const random = randomStream(seed, tensors.size);
    const length = shape.reduce((product, side) => product * side, 1);
    tensors.set(
      name,
      Float32Array.from({ length }, () => random() - 0.5),
    );
  }
  const normalise = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] };
  return {
    build: tinyNetwork,
    tensors,
    preprocessing: { channels: 3, height: 10, width: 12, pad: 0, normalise },
  };
}

/** Pictures of noise; every third is a copy of the one before, so that there are ties. */
export function noisePictures(length: number): { dataset: Dataset; source: PictureSource } {
  const dataset = allocateDataset({
    name: 'noise',
    split: 'test',
    length,
    channels: 3,
    height: 10,
    width: 12,
    classes: ['a', 'b', 'c'],
    path: 'memory',
  });
  const size = 3 * 10 * 12;
  const random = randomStream(3);
  for (let i = 0; i < dataset.pixels.length; i++) dataset.pixels[i] = Math.floor(256 * random());
  for (let i = 2; i < length; i += 3) dataset.pixels.copyWithin(i * size, (i - 1) * size, i * size);
  return {
    dataset,
    source: datasetSource(
      dataset,
      Uint32Array.from({ length }, (_, i) => i),
    ),
  };
}
