import { describe, expect, it } from 'vitest';
import { createGraph, input, markOutput, state } from '../../graph/graph.ts';
import { convolution } from '../../graph/ops/index.ts';
import type { Engine } from '../engine.ts';
import { tryCreateOneDnnEngine } from './index.ts';

const { engine: found, reason } = tryCreateOneDnnEngine();
const engine = found as Engine;

describe.skipIf(found === undefined)(`states by name${reason === undefined ? '' : ` (${reason})`}`, () => {
  const compiled = () => {
    const graph = createGraph();
    const x = input(graph, 'x', [1, 8, 4, 4]);
    const w = state(graph, 'w', [8, 8, 3, 3], 'parameter', { kind: 'constant', value: 0 });
    markOutput('y', convolution(x, w, undefined, { padding: 1 }));
    return engine.compile(graph);
  };
  const count = 8 * 8 * 9;
  const numbers = Float32Array.from({ length: count }, (_, i) => i);

  it('come back as they were written, from any kind of list and from the middle of a longer one', () => {
    const longer = new Float32Array(count + 7);
    longer.set(numbers, 3);
    for (const given of [numbers, longer.subarray(3, 3 + count), [...numbers], Float64Array.from(numbers)]) {
      const program = compiled();
      program.write('w', given);
      expect(program.read('w')).toEqual(numbers);
      program.dispose();
    }
  });

  it('are copies: neither what was written nor what was read is the state itself', () => {
    const program = compiled();
    const given = numbers.slice();
    program.write('w', given);
    given.fill(-1);
    program.read('w').fill(-2);
    expect(program.read('w')).toEqual(numbers);
    program.dispose();
  });

  it('are refused under other names and of other lengths', () => {
    const program = compiled();
    expect(() => program.read('ww')).toThrow('The graph has no state named ww. Did you mean w?');
    expect(() => program.write('w', [1, 2])).toThrow(`The state w got 2 numbers, expected ${count}.`);
    program.dispose();
  });
});
