import { describe, expect, it } from 'vitest';
import { constant, createGraph, input, markOutput, state, update } from '../../graph/graph.ts';
import { add, convolution, maxPoolWithSwitches, multiply, relu, tanh } from '../../graph/ops/index.ts';
import { findNetwork } from '../../nets/index.ts';
import { buildNetwork } from '../../nets/network.ts';
import { buildTrainingStep } from '../../train/step.ts';
import type { Engine, Program } from '../engine.ts';
import { tryCreateOneDnnEngine } from './index.ts';

const { engine: found, reason } = tryCreateOneDnnEngine();
const engine = found as Engine;

function lenetTraining(seed = 1): Program {
  const network = buildNetwork(findNetwork('lenet'), { batch: 8, training: true });
  const optimizer = { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true };
  return engine.compile(buildTrainingStep(network, { optimizer }).graph, { seed });
}
const feeds = {
  images: Float32Array.from({ length: 8 * 1024 }, (_, i) => Math.sin(i)),
  labels: Int32Array.from({ length: 8 }, (_, i) => i),
  learningRate: Float32Array.of(0.1),
};

describe.skipIf(found === undefined)(`a compiled program${found ? '' : ` (skipped: ${reason})`}`, () => {
  it('gives the same bits for the same seed and feeds', () => {
    const [a, b] = [lenetTraining(), lenetTraining()];
    for (let i = 0; i < 5; i++) expect(a.run(feeds)).toEqual(b.run(feeds));
    for (const name of a.graph.states.keys()) expect(a.read(name)).toEqual(b.read(name));
  });

  it('reads back what was written, whatever layout a state is kept in', () => {
    const program = lenetTraining();
    for (const [name, { shape }] of program.graph.states) {
      const values = Float32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, (_, i) => i - 7);
      program.write(name, values);
      expect(program.read(name)).toEqual(values);
    }
  });

  it('goes on from states that were read from another program', () => {
    const [a, b] = [lenetTraining(1), lenetTraining(2)];
    a.run(feeds);
    for (const name of a.graph.states.keys()) b.write(name, a.read(name));
    expect(b.run(feeds)).toEqual(a.run(feeds));
  });

  it('uses new weights after a write in a graph that never changes them', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [1, 8, 5, 5]);
    const w = state(graph, 'w', [8, 8, 3, 3], 'parameter', { kind: 'constant', value: 1 });
    markOutput('y', relu(convolution(x, w, undefined, { padding: 1 })));
    const program = engine.compile(graph);
    const once = { x: new Float32Array(200).fill(1) };
    const before = program.run(once).y as Float32Array;
    program.write('w', new Float32Array(576).fill(2));
    expect(program.run(once).y).toEqual(before.map((value) => 2 * value));
  });

  it('updates states all at once, and shows an output as it was before', () => {
    const graph = createGraph();
    const a = state(graph, 'a', [4], 'buffer', { kind: 'constant', value: 1 });
    const b = state(graph, 'b', [4], 'buffer', { kind: 'constant', value: 2 });
    update(a, b);
    update(b, a);
    markOutput('a', a);
    const program = engine.compile(graph);
    expect(program.run().a).toEqual(new Float32Array(4).fill(1));
    expect(program.read('a')).toEqual(new Float32Array(4).fill(2));
    expect(program.read('b')).toEqual(new Float32Array(4).fill(1));
  });

  it('gives switches to whoever asks for them', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [1, 1, 2, 2]);
    const { y, switches } = maxPoolWithSwitches(x, { kernel: 2 });
    markOutput('y', y);
    markOutput('switches', switches);
    const result = engine.compile(graph).run({ x: Float32Array.of(1, 5, 2, 3) });
    expect(result.y).toEqual(Float32Array.of(5));
    expect(result.switches).toEqual(Int32Array.of(1));
  });

  it('says which implementation runs each step and what memory it took', () => {
    const program = lenetTraining();
    const report = program.report();
    const convolutions = report.steps.filter(({ op }) => op === 'convolution');
    expect(convolutions.map(({ path }) => path)).toEqual(['conv1', 'conv2']);
    for (const { implementation } of convolutions) expect(implementation).not.toBe('host');
    expect(report.arenaBytes).toBeGreaterThan(0);
    expect(report.stateBytes).toBeGreaterThanOrEqual(2 * 4 * 61_706);
  });

  it('fuses a ReLU into the addition before it', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [2, 8, 3, 3]);
    markOutput('y', relu(add(multiply(x, x), x)));
    const { steps } = engine.compile(graph).report();
    expect(steps.map(({ op }) => op)).not.toContain('relu');
  });

  // Elsewhere copies in f32 are made of those in bf16, for each layer.
  const multiplies = found?.describe().dtypes[0] === 'bf16';
  const why = multiplies ? '' : ' (skipped: nothing multiplies bf16 here)';
  it.skipIf(!multiplies)(
    `makes a copy of weights again rather than keep it through hundreds of steps${why}`,
    () => {
      const copies = (between: number): number => {
        const graph = createGraph();
        const w = state(graph, 'w', [32, 32, 3, 3], 'parameter', { kind: 'uniform', bound: 0.1 });
        let y = input(graph, 'x', [1, 32, 4, 4]);
        const through = () => convolution(y, w, undefined, { padding: 1 });
        y = through();
        for (let i = 0; i < between; i++) y = tanh(y);
        y = through();
        markOutput('y', y);
        update(w, multiply(w, constant(graph, w.shape, new Float32Array(32 * 32 * 9).fill(0.5), 'full')));
        const program = engine.compile(graph, { dtype: 'bf16' });
        const { steps } = program.report();
        const once = { x: new Float32Array(512).fill(1) };
        // The second reading comes before the update, too.
        expect(program.run(once)).toEqual(engine.compile(graph, { dtype: 'bf16' }).run(once));
        return steps.filter(({ op, path }) => op === 'reorder' && path === 'w').length;
      };
      expect(copies(250) - copies(3)).toBe(1);
    },
  );

  it('refuses wrong feeds, states and types, and does not run after its end', () => {
    const program = lenetTraining();
    const { images, labels } = feeds;
    expect(() => program.run({ images, labels })).toThrow(/learningRate was not fed/);
    expect(() => program.run({ ...feeds, image: images })).toThrow(/no input named image.*images/);
    expect(() => program.run({ ...feeds, images: images.subarray(1) })).toThrow(
      /got 8191 numbers, expected 8192/,
    );
    expect(() => program.run({ ...feeds, labels: Float32Array.from(labels) })).toThrow(
      /expected an Int32Array/,
    );
    expect(() => program.run({ ...feeds, labels: labels.map(() => 10) })).toThrow(/label/);
    expect(() => program.read('conv1.weigth')).toThrow(/conv1\.weight/);
    expect(() => program.write('conv1.bias', [1])).toThrow(/got 1 numbers, expected 6/);
    expect(() => engine.compile(createGraph(), { dtype: 'f64' })).toThrow(/got dtype f64/);
    program.dispose();
    program.dispose();
    expect(() => program.run(feeds)).toThrow(/disposed/);
    expect(() => program.read('conv1.bias')).toThrow(/disposed/);
  });

  it('runs constants and an empty graph', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [2, 2]);
    markOutput('y', add(x, constant(graph, [2, 2], Float32Array.of(1, 2, 3, 4))));
    expect(engine.compile(graph).run({ x: new Float32Array(4) }).y).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(engine.compile(createGraph()).run()).toEqual({});
  });
});
