// Looking at one unit: a projection by the deconvnet after loading (forward, choosing the strongest place, and the way
// back to the pixels), beside one plain inference of the same network. GoogLeNet at 224 px; weights are as they start,
// which costs the same.
import { randomStream } from '../src/data/random.ts';
import { chooseDtype, chooseEngine } from '../src/engines/choose.ts';
import { engineInWords } from '../src/engines/in-words.ts';
import { findLayer } from '../src/explain/layer.ts';
import { createProjector } from '../src/explain/project.ts';
import { markOutput } from '../src/graph/graph.ts';
import { median } from '../src/median.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork, type Network } from '../src/nets/network.ts';
import { type Part, table } from './part.ts';

const side = 224;
const layers = ['conv2', 'inception3a', 'inception4a', 'inception5b', 'fc'];

const build = (): Network => buildNetwork(findNetwork('googlenet'));

export const projection: Part = {
  name: 'projection',
  async measure({ rounds, steps, log }) {
    const { engine } = chooseEngine('auto', {});
    const dtype = chooseDtype(engine, 'auto');
    const random = randomStream(1);
    const images = Float32Array.from({ length: 3 * side * side }, () => 2 * random() - 1);
    const network = build();
    markOutput('logits', network.logits);
    const plain = engine.compile(network.graph, { dtype });
    const projectors = layers.map((path) => {
      const own = build();
      return createProjector(engine, own, new Map(), findLayer(own, path), { dtype });
    });
    const sides = [
      { name: 'one plain inference', times: [] as number[], work: () => void plain.run({ images }) },
      ...projectors.map((projector, i) => ({
        name: `one projection of \`${layers[i]}\``,
        times: [] as number[],
        work: () => void projector.project(images, [{ unit: 5 }]),
      })),
    ];
    for (const each of sides) each.work();
    for (let round = 1; round <= rounds; round++) {
      for (const { times, work } of sides) {
        for (let step = 0; step < steps; step++) {
          const before = performance.now();
          work();
          times.push(performance.now() - before);
        }
      }
      log(`projection: round ${round} of ${rounds}`);
    }
    plain.dispose();
    for (const projector of projectors) projector.dispose();
    const [base = 1] = sides.map(({ times }) => median(times));
    const rows = sides.map(({ name, times }) => [
      name,
      median(times).toFixed(0),
      `${(median(times) / base).toFixed(2)}x`,
    ]);
    return [
      `GoogLeNet at ${side} px, batch 1, ${dtype}, ${engineInWords(engine.describe())}; ` +
        `medians of ${rounds * steps} in ${rounds} turns, compiled before:`,
      '',
      table(['what', 'ms', 'time against inference'], rows),
    ].join('\n');
  },
};
