// The loader alone: CIFAR-sized pictures through crop, flip, rotation and normalisation, as the training step
// would eat them.

import { allocateDataset } from '../src/data/dataset.ts';
import { createLoader } from '../src/data/loader.ts';
import { median } from '../src/median.ts';

/** Pictures a second that one loader delivers when nobody computes, the median of `rounds` epochs. */
export async function measureLoader(rounds: number): Promise<number> {
  const length = 20_000;
  const dataset = allocateDataset({
    name: 'noise',
    split: 'train',
    length,
    channels: 3,
    height: 32,
    width: 32,
    classes: Array.from({ length: 100 }, (_, i) => `${i}`),
    path: 'memory',
  });
  for (let i = 0; i < dataset.pixels.length; i++) dataset.pixels[i] = (i * 2654435761) >>> 24;
  const mean = [0.507, 0.487, 0.441];
  const std = [0.267, 0.256, 0.276];
  const loader = createLoader(dataset, {
    batch: 128,
    shuffle: true,
    seed: 1,
    lastBatch: 'drop',
    augmentation: { crop: { padding: 4 }, flip: true, rotation: 15, normalise: { mean, std } },
  });
  const rates: number[] = [];
  for (let epoch = 0; epoch <= rounds; epoch++) {
    const before = performance.now();
    let pictures = 0;
    for await (const { count } of loader.epoch(epoch)) pictures += count;
    if (epoch > 0) rates.push((pictures * 1000) / (performance.now() - before));
  }
  await loader.close();
  return median(rates);
}
