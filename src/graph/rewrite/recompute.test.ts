import { describe, expect, it } from 'vitest';
import type { Engine } from '../../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../../engines/onednn/index.ts';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { findNetwork } from '../../nets/index.ts';
import { buildNetwork } from '../../nets/network.ts';
import { buildTrainingStep } from '../../train/step.ts';
import { createGraph, type Graph, input, liveNodes, markOutput } from '../graph.ts';
import { relu } from '../ops/index.ts';
import type { NumericArray } from '../tensor.ts';
import { type RecomputeOptions, recompute } from './recompute.ts';
import { type RandomStep, randomStep } from './testing.ts';

const reference = createReferenceEngine();
const ways = ['cheap', 'segments'] as const;
const seeds = Array.from({ length: 24 }, (_, i) => i + 1);

/** Outputs of the second of two steps, and every state after it. */
function twoSteps(
  engine: Engine,
  graph: Graph,
  feeds: Record<string, NumericArray>,
  options: Parameters<Engine['compile']>[1] = {},
): Record<string, NumericArray> {
  const program = engine.compile(graph, options);
  program.run(feeds);
  const results: Record<string, NumericArray> = program.run(feeds);
  for (const name of graph.states.keys()) results[`state ${name}`] = program.read(name);
  program.dispose();
  return results;
}

const rewritten = ({ graph }: RandomStep, what: RecomputeOptions['what']) => recompute(graph, { what });

describe('recomputing in random networks', () => {
  it.each(ways.flatMap((what) => seeds.map((seed) => [what, seed] as const)))(
    '%s, network %i: the same bits on the reference engine',
    (what, seed) => {
      const step = randomStep(seed, 12);
      const before = step.graph.nodes.length;
      const { graph, repeated } = rewritten(step, what);
      expect(liveNodes(graph)).toHaveLength(liveNodes(step.graph).length + repeated);
      expect([...graph.states.keys()]).toEqual([...step.graph.states.keys()]);
      expect([...graph.updates.keys()]).toEqual([...step.graph.updates.keys()]);
      expect(step.graph.nodes).toHaveLength(before);
      expect(twoSteps(reference, graph, step.feeds())).toEqual(twoSteps(reference, step.graph, step.feeds()));
    },
  );

  it('finds something to recompute in most of them, convolutions by segments alone', () => {
    for (const what of ways) {
      const results = seeds.map((seed) => rewritten(randomStep(seed, 12), what));
      const gained = results.filter(({ repeated }) => repeated > 0);
      expect(gained.length).toBeGreaterThan(seeds.length / 2);
      expect(gained.every(({ peakBytes }) => peakBytes.after < peakBytes.before)).toBe(true);
      expect(gained.some(({ macs }) => macs > 0)).toBe(what === 'segments');
    }
  });
});

const { engine: onednn, reason } = tryCreateOneDnnEngine();

describe.skipIf(onednn === undefined)(`on oneDNN${reason === undefined ? '' : ` (${reason})`}`, () => {
  it.each(ways.flatMap((what) => seeds.slice(0, 6).map((seed) => [what, seed] as const)))(
    '%s, network %i: the same numbers, in less memory',
    (what, seed) => {
      const engine = onednn as Engine;
      const { graph, feeds } = randomStep(seed, 12, 16);
      const expected = twoSteps(engine, graph, feeds(), { recompute: 'none' });
      const actual = twoSteps(engine, graph, feeds(), { recompute: what });
      for (const [name, numbers] of Object.entries(expected)) {
        // Biases before a batch norm have gradients that are rounding errors alone.
        const largest = Math.max(1e-3, ...numbers.map(Math.abs));
        const differences = Array.from(numbers, (x, i) => Math.abs(x - (actual[name]?.[i] as number)));
        expect([name, Math.max(...differences) < 1e-4 * largest]).toEqual([name, true]);
      }
    },
  );
});

describe('recomputing in ResNet-18', () => {
  const network = buildNetwork(findNetwork('resnet18'), { form: 'cifar', batch: 16, training: true });
  const { graph } = buildTrainingStep(network, {
    optimizer: { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decayBiasAndNorm: true },
  });
  const opsAgain = (result: Graph): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const { op } of result.nodes) counts.set(op.name, (counts.get(op.name) ?? 0) + 1);
    for (const { op } of graph.nodes) counts.set(op.name, (counts.get(op.name) ?? 0) - 1);
    return counts;
  };

  it('drops what batch norms and sums gave, never what a convolution gave', () => {
    const cheap = recompute(graph, { what: 'cheap' });
    expect(cheap.peakBytes.after).toBeLessThan(0.7 * cheap.peakBytes.before);
    expect(cheap.macs).toBe(0);
    const again = opsAgain(cheap.graph);
    expect(again.get('batchNormInference')).toBeGreaterThan(8);
    expect(again.get('convolution')).toBe(0);
    expect(again.get('batchNormTraining')).toBe(0);
  });

  it('repeats convolutions by segments, for still less memory', () => {
    const cheap = recompute(graph, { what: 'cheap' });
    const segments = recompute(graph, { what: 'segments' });
    expect(segments.peakBytes.after).toBeLessThan(cheap.peakBytes.after);
    expect(opsAgain(segments.graph).get('convolution')).toBeGreaterThan(5);
  });

  it('does no more than the limit allows', () => {
    const all = recompute(graph, { what: 'cheap' });
    const some = recompute(graph, { what: 'cheap', limit: 0.005 });
    expect(some.repeated).toBeGreaterThan(0);
    expect(some.movedBytes).toBeLessThan(all.movedBytes);
    expect(recompute(graph, { what: 'cheap', limit: 0 }).graph).toBe(graph);
  });

  it('makes a value again right before it is read', () => {
    const { graph: result } = recompute(graph, { what: 'cheap' });
    for (const [i, { op, outputs }] of result.nodes.entries()) {
      if (op.name !== 'batchNormInference') continue;
      const reader = result.nodes.findIndex(({ inputs }) => inputs.includes(outputs[0] as never));
      // Between the two there is nothing but others that are made again.
      const between = result.nodes.slice(i, reader).filter((node) => node.op.gradient === undefined);
      expect(between.map((node) => node.op.name)).toEqual([]);
    }
  });
});

it('leaves a graph without a backward pass as it is', () => {
  const graph = createGraph();
  markOutput('y', relu(input(graph, 'x', [1, 2, 3, 3])));
  for (const what of ways) expect(recompute(graph, { what })).toMatchObject({ graph, repeated: 0 });
});
