// Training by segments (`--checkpointing`) is the same training: masks of dropout, statistics of batch norm and all.
import { describe, expect, it } from 'vitest';
import { randomStream } from '../data/random.ts';
import type { CompileOptions } from '../engines/engine.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { add, flatten, relu } from '../graph/ops/index.ts';
import type { NetworkDescription } from '../nets/network.ts';
import { compilePrograms, type TrainingPrograms } from './programs.ts';

const engine = createReferenceEngine();
const size = 12;

/** Four residual blocks with batch norm and dropout. */
const blocks: NetworkDescription = {
  name: 'blocks',
  year: 0,
  paper: '',
  forms: {
    imagenet: {
      channels: 1,
      height: size,
      width: size,
      classes: 4,
      build(x, net, classes) {
        let y = net.conv(x, 'stem', 8, 3, { padding: 1 });
        for (let i = 0; i < 4; i++) {
          const shortcut = y;
          const norm = net.batchNorm(net.conv(relu(y), `conv${i}`, 8, 3, { padding: 1 }), `bn${i}`);
          y = add(net.dropout(relu(norm), `drop${i}`, 0.3), shortcut);
        }
        return net.linear(flatten(net.globalAveragePool(y, 'pool')), 'fc', classes);
      },
    },
  },
};

function programs(recompute: CompileOptions['recompute']): TrainingPrograms {
  return compilePrograms({
    engine,
    dtype: 'f32',
    seed: 4,
    description: blocks,
    build: { form: 'imagenet', batch: 3 },
    step: { optimizer: { momentum: 0.9, nesterov: true, weightDecay: 1e-3, decayBiasAndNorm: true } },
    recompute,
  });
}

/** Losses of three steps, the last on a smaller batch, and all numbers after them. */
function trained(recompute: CompileOptions['recompute']) {
  const random = randomStream(1, 2);
  const all = programs(recompute);
  const losses = [3, 3, 2].map((count, step) => {
    const images = Float32Array.from({ length: count * size * size }, () => random() - 0.5);
    return all.step(images, Int32Array.of(0, 1, 2).subarray(0, count), 0.1, step);
  });
  const tensors = new Map([...all.tensors('weights'), ...all.tensors('optimizer')]);
  const { arenaBytes } = all.report();
  const keptWhole = all.keptWhole();
  all.dispose();
  return { losses, tensors, arenaBytes, keptWhole };
}

describe('training by segments', () => {
  it('gives the same bits as training with everything kept, in less memory', () => {
    const [kept, segments] = [trained('none'), trained('segments')];
    expect(segments.losses).toEqual(kept.losses);
    expect([...segments.tensors.keys()]).toContain('bn0.running_mean');
    expect(segments.tensors).toEqual(kept.tensors);
    expect(segments.arenaBytes).toBeLessThan(0.8 * kept.arenaBytes);
    expect([kept.keptWhole, segments.keptWhole]).toEqual([kept.arenaBytes, kept.arenaBytes]);
  });
});
