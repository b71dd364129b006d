// An occlusion map against plain inference: GoogLeNet at 224 px, a square of 32 px at 28x28 places, and as many pictures
// through the same network in the same batches. Both sides build, compile and run, and take turns; weights are as they
// start, which costs the same.

import { randomStream } from '../src/data/random.ts';
import { chooseDtype, chooseEngine } from '../src/engines/choose.ts';
import type { ComputeType, Engine } from '../src/engines/engine.ts';
import { engineInWords } from '../src/engines/in-words.ts';
import { imagenetPreprocessing } from '../src/evaluate/preprocessing.ts';
import { lastSpatialLayer } from '../src/explain/grad-cam.ts';
import { occlude } from '../src/explain/occlusion.ts';
import { markOutput } from '../src/graph/graph.ts';
import { median } from '../src/median.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork, type Network } from '../src/nets/network.ts';
import { type Part, table } from './part.ts';

const side = 224;
const [size, stride, places] = [32, 7, 28 * 28];
/** 785 pictures, the whole one among them, in 50 runs. */
const batch = 16;

const build = (count: number): Network => buildNetwork(findNetwork('googlenet'), { batch: count });

function plain(engine: Engine, dtype: ComputeType, image: Float32Array): void {
  const network = build(batch);
  markOutput('logits', network.logits);
  const program = engine.compile(network.graph, { dtype });
  const images = new Float32Array(batch * image.length);
  for (let slot = 0; slot < batch; slot++) images.set(image, slot * image.length);
  for (let done = 0; done < places; done += batch) program.run({ images });
  program.dispose();
}

export const occlusion: Part = {
  name: 'occlusion',
  async measure({ rounds, log }) {
    const { engine } = chooseEngine('auto', {});
    const dtype = chooseDtype(engine, 'auto');
    const random = randomStream(1);
    const image = Float32Array.from({ length: 3 * side * side }, () => 2 * random() - 1);
    const request = {
      build,
      tensors: new Map<string, Float32Array>(),
      engine,
      dtype,
      preprocessing: imagenetPreprocessing({ height: side, width: side }),
      image,
      size,
      stride,
      batch,
      layer: lastSpatialLayer(build(1)),
    };
    const sides = [
      { name: 'occlusion map, 28x28 places', times: [] as number[], work: () => occlude(request) },
      {
        name: '784 plain inferences',
        times: [] as number[],
        work: async () => plain(engine, dtype, image),
      },
    ];
    for (let round = 1; round <= rounds; round++) {
      // Who goes first changes, so that neither gains by a warm or a cool machine.
      for (const each of round % 2 === 1 ? sides : sides.toReversed()) {
        const before = performance.now();
        await each.work();
        each.times.push((performance.now() - before) / 1000);
      }
      log(`occlusion: round ${round} of ${rounds}`);
    }
    const medians = sides.map(({ times }) => median(times));
    const [ours = 0, theirs = 0] = medians;
    const rows = sides.map(({ name }, i) => [
      name,
      (medians[i] as number).toFixed(2),
      (places / (medians[i] as number)).toFixed(1),
      i === 0 ? `${(ours / theirs).toFixed(3)}x` : '',
    ]);
    return [
      `GoogLeNet at ${side} px, batch ${batch}, ${dtype}, ${engineInWords(engine.describe())}; ` +
        `medians of ${rounds} turns, compiling included:`,
      '',
      table(['what', 's', 'pictures/s', 'time against plain inference'], rows),
    ].join('\n');
  },
};
