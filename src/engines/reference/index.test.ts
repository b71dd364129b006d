import { describe, expect, it } from 'vitest';
import { constant, createGraph, input, markOutput, scope, state, update } from '../../graph/graph.ts';
import { add, linear, multiply, relu } from '../../graph/ops/index.ts';
import type { CompileOptions } from '../engine.ts';
import { initialValues } from '../initial.ts';
import { createReferenceEngine } from './index.ts';

const engine = createReferenceEngine();

/** y = relu(x w^T) with a state that counts runs. */
function counter(options: CompileOptions = {}) {
  const graph = createGraph();
  const x = input(graph, 'x', [1, 2]);
  const w = state(graph, 'fc.weight', [2, 2], 'parameter', { kind: 'normal', deviation: 1 });
  const runs = state(graph, 'runs', [], 'buffer', { kind: 'constant', value: 0 });
  const next = add(runs, constant(graph, [], Float32Array.of(1), 'full'));
  update(runs, next);
  markOutput(
    'y',
    scope(graph, 'fc', () => relu(linear(x, w))),
  );
  markOutput('before', runs);
  return engine.compile(graph, options);
}

const feed = { x: Float32Array.of(1, 2) };

describe('state', () => {
  it('starts from seed and name, is read and written by name as copies', () => {
    const program = counter({ seed: 3 });
    const start = program.read('fc.weight');
    expect(start).toEqual(initialValues('fc.weight', [2, 2], { kind: 'normal', deviation: 1 }, 3));
    program.write('fc.weight', [1, 0, 0, -1]);
    expect(program.run(feed).y).toEqual(Float32Array.of(1, 0));
    const copy = program.read('fc.weight');
    copy.fill(9);
    expect(program.read('fc.weight')).toEqual(Float32Array.of(1, 0, 0, -1));
  });

  it('changes after the run alone: outputs show it as it was', () => {
    const program = counter();
    expect(program.run(feed).before).toEqual(Float32Array.of(0));
    expect(program.run(feed).before).toEqual(Float32Array.of(1));
    expect(program.read('runs')).toEqual(Float32Array.of(2));
  });

  it('is updated all at once, so that two states can change places', () => {
    const graph = createGraph();
    const [a, b] = ['a', 'b'].map((name, value) =>
      state(graph, name, [1], 'buffer', { kind: 'constant', value }),
    );
    if (!a || !b) throw new Error('no states');
    update(a, b);
    update(b, a);
    const program = engine.compile(graph);
    program.run();
    expect([program.read('a')[0], program.read('b')[0]]).toEqual([1, 0]);
  });

  it('stays as it was where a run fails', () => {
    const program = counter();
    expect(() => program.run({ x: Float32Array.of(1) })).toThrow();
    expect(program.read('runs')).toEqual(Float32Array.of(0));
  });
});

describe('results', () => {
  it('are fresh arrays, not the feeds and not each other', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [2]);
    markOutput('same', x);
    markOutput('again', x);
    const program = engine.compile(graph);
    const fed = Float32Array.of(1, 2);
    const { same, again } = program.run({ x: fed });
    same?.fill(7);
    expect(again).toEqual(Float32Array.of(1, 2));
    expect(fed).toEqual(Float32Array.of(1, 2));
  });

  it('are doubles in f64, and rounded at every node in bf16', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [1]);
    markOutput('y', add(multiply(x, x), x));
    const y = (dtype: 'f32' | 'f64' | 'bf16', value: number) =>
      engine.compile(graph, { dtype }).run({ x: Float64Array.of(value) }).y;
    expect(y('f64', 1 / 3)).toEqual(Float64Array.of(1 / 9 + 1 / 3));
    expect(y('f32', 3)).toEqual(Float32Array.of(12));
    // 17 * 17 = 289 becomes 288; 288 + 17 = 305 lies between 304 and 306 and goes to the even 304.
    expect(y('bf16', 17)).toEqual(Float32Array.of(304));
    // 259 becomes 260 on its way in.
    expect(engine.compile(graph, { dtype: 'bf16' }).run({ x: Float32Array.of(259) }).y).toEqual(
      engine.compile(graph, { dtype: 'bf16' }).run({ x: Float32Array.of(260) }).y,
    );
  });
});

describe('misuse', () => {
  const run = (feeds: Record<string, never> | object) => () =>
    counter().run(feeds as Record<string, Float32Array>);

  it('names the feed, what it got and what it expected', () => {
    expect(run({})).toThrow('The input x was not fed, expected 2 numbers (1x2).');
    expect(run({ x: Float32Array.of(1) })).toThrow('The input x got 1 numbers, expected 2 (1x2).');
    expect(run({ x: Int32Array.of(1, 2) })).toThrow(
      'The input x got Int32Array, expected a Float32Array or Float64Array.',
    );
    expect(run({ ...feed, X2: feed.x })).toThrow('The graph has no input named X2. Did you mean x?');
  });

  it('wants whole numbers for index inputs', () => {
    const graph = createGraph();
    markOutput('y', input(graph, 'labels', [1], 'index'));
    expect(() => engine.compile(graph).run(feed)).toThrow('no input named x');
    expect(() => engine.compile(graph).run({ labels: Float32Array.of(1) })).toThrow(
      'The input labels got Float32Array, expected an Int32Array.',
    );
  });

  it('names states that are near, and lengths that differ', () => {
    expect(() => counter().read('fc.weigth')).toThrow(
      'The graph has no state named fc.weigth. Did you mean fc.weight',
    );
    expect(() => counter().write('fc.weight', [1])).toThrow('The state fc.weight got 1 numbers, expected 4.');
  });

  it('refuses dtypes it has not, and runs after dispose', () => {
    expect(() => counter({ dtype: 'f16' as 'f32' })).toThrow('got dtype f16, expected f32, bf16, f64');
    const program = counter();
    program.dispose();
    expect(() => program.run(feed)).toThrow('disposed');
    expect(() => program.read('runs')).toThrow('disposed');
  });
});

describe('report', () => {
  it('lists live nodes by path, counts runs and memory', () => {
    const program = counter();
    program.run(feed);
    program.run(feed);
    const report = program.report();
    expect(report.steps.map(({ op, path, implementation }) => `${op} '${path}' ${implementation}`)).toEqual([
      "add '' host",
      "linear 'fc' host",
      "relu 'fc' host",
    ]);
    expect(report).toMatchObject({ runs: 2, dtype: 'f32', engine: { name: 'reference', threads: 1 } });
    expect(report.steps.every(({ ms }) => ms === 0)).toBe(true);
    expect(report.stateBytes).toBe(4 * (4 + 1));
    // The counter's next value stays until the end; linear's and relu's outputs live together.
    expect(report.arenaBytes).toBe(4 * (1 + 2 + 2));
  });
});
