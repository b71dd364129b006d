// Inference in eight bits against full precision, and against bf16 where the CPU has it: the same network, pictures in,
// logits out, in one process, in turns. Scales are made up here, since times do not depend on them.
import { chooseEngine } from '../src/engines/choose.ts';
import type { Program } from '../src/engines/engine.ts';
import { type Graph, markOutput } from '../src/graph/graph.ts';
import { uniforms } from '../src/graph/random.ts';
import { foldGraph } from '../src/graph/rewrite/fold-batch-norm.ts';
import { planQuantisation, quantiseGraph } from '../src/graph/rewrite/quantise.ts';
import { elementCount } from '../src/graph/tensor.ts';
import { median } from '../src/median.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork } from '../src/nets/network.ts';
import { bf16Remark, comparedTypes } from './compete.ts';
import { type Part, paragraphs, table } from './part.ts';

const networks = ['googlenet', 'resnet50', 'vgg16', 'resnext50_32x4d'] as const;
const batches = [1, 16] as const;
const types = ['int8', 'bf16', 'f32'] as const;

/** The network with batch norms folded, as it is and quantised. */
function graphsOf(name: string, batch: number): { plain: Graph; quantised: Graph } {
  const network = buildNetwork(findNetwork(name), { form: 'imagenet', batch });
  markOutput('logits', network.logits);
  const { graph: plain } = foldGraph(network.graph);
  const plan = planQuantisation(plain);
  const scales = {
    sites: new Map(plan.sites.map(({ name: site }) => [site, 0.02])),
    weights: new Map(
      [...plan.layers].map(([layer, { inputs }]) => {
        const channels = inputs[1]?.shape[0] as number;
        return [layer, new Float32Array(channels).fill(0.004)];
      }),
    ),
  };
  return { plain, quantised: quantiseGraph(plain, plan, scales) };
}

export const int8: Part = {
  name: 'int8',
  async measure({ rounds, steps, only, log }) {
    const dtypes = comparedTypes();
    const remark = bf16Remark();
    const { engine } = chooseEngine('onednn');
    const hasBf16 = dtypes.includes('bf16');
    const rows: string[][] = [];
    for (const name of networks) {
      if (only !== undefined && !only.includes(name)) continue;
      for (const batch of batches) {
        const { plain, quantised } = graphsOf(name, batch);
        const programs = new Map<(typeof types)[number], Program>();
        for (const type of types) {
          if (type === 'bf16' && !hasBf16) continue;
          const graph = type === 'int8' ? quantised : plain;
          programs.set(
            type,
            engine.compile(graph, { dtype: type === 'bf16' ? 'bf16' : 'f32', seed: 1, autotune: 'on' }),
          );
        }
        const { shape } = plain.inputs.get('images') as { shape: readonly number[] };
        const images = Float32Array.from(uniforms(1, 1, elementCount(shape)), (u) => 2 * u - 1);
        const times = new Map([...programs.keys()].map((type) => [type, [] as number[]]));
        // The first round warms up.
        for (let round = 0; round <= rounds; round++) {
          for (const [type, program] of programs) {
            for (let step = 0; step < steps; step++) {
              const before = performance.now();
              program.run({ images });
              if (round > 0) times.get(type)?.push(performance.now() - before);
            }
          }
        }
        for (const program of programs.values()) program.dispose();
        const ms = (type: (typeof types)[number]): number => median(times.get(type) ?? []);
        const against = (type: 'bf16' | 'f32'): string => `${(ms(type) / ms('int8')).toFixed(2)}x`;
        rows.push([
          `${name}, batch ${batch}`,
          ms('int8').toFixed(1),
          ...(hasBf16 ? [ms('bf16').toFixed(1), against('bf16')] : []),
          ms('f32').toFixed(1),
          against('f32'),
        ]);
        log(`int8: ${rows.at(-1)?.join(' ')}`);
      }
    }
    const heading = [
      'network',
      'int8, ms',
      ...(hasBf16 ? ['bf16, ms', 'speed against bf16'] : []),
      'f32, ms',
      'speed against f32',
    ];
    return paragraphs(
      `Medians of ${rounds} rounds of ${steps} runs, in turns:`,
      table(heading, rows),
      remark,
    );
  },
};
