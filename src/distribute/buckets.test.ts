import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { createGraph, input, markOutput, type Value } from '../graph/graph.ts';
import type { Exchange } from '../graph/ops/exchange.ts';
import { add, multiply } from '../graph/ops/index.ts';
import type { NumericArray } from '../graph/tensor.ts';
import { bucketsOf, sumOverRanks } from './buckets.ts';

function chain(count: number): { x: Value; made: Value[] } {
  const graph = createGraph();
  const x = input(graph, 'x', [4], 'full');
  const made: Value[] = [];
  for (let i = 0; i < count; i++) made.push(add(made.at(-1) ?? x, x));
  return { x, made };
}

describe('buckets', () => {
  it('are filled in the order in which values are made, to a limit', () => {
    const { made } = chain(5);
    const [a, b, c, d, e] = made as [Value, Value, Value, Value, Value];
    expect(bucketsOf([e, c, a, b, d], 32)).toEqual([[a, b], [c, d], [e]]);
    expect(bucketsOf([e, c, a, b, d], 8)).toEqual([[a], [b], [c], [d], [e]]);
  });

  it('bring back the sums in the order of the gradients, all started before the first is waited for', () => {
    const log: string[] = [];
    const underWay = new Map<string, NumericArray>();
    // Two ranks that hold the same.
    const exchange: Exchange = {
      size: 2,
      start(channel, numbers) {
        log.push(`start ${channel}`);
        underWay.set(channel, numbers);
      },
      finish(channel) {
        log.push(`finish ${channel}`);
        const numbers = underWay.get(channel) as NumericArray;
        for (let i = 0; i < numbers.length; i++) numbers[i] = 2 * (numbers[i] as number);
      },
      sum() {},
      swap() {},
    };
    const graph = createGraph();
    const x = input(graph, 'x', [700_000], 'full');
    const y = input(graph, 'y', [3], 'full');
    const gradients = [multiply(y, y), add(x, x), multiply(x, x)];
    const sums = sumOverRanks(gradients, exchange);
    sums.forEach((sum, i) => {
      markOutput(`${i}`, sum);
    });
    const program = createReferenceEngine().compile(graph);
    const feeds = { x: new Float32Array(700_000).fill(3), y: Float32Array.of(1, 2, 3) };
    const result = program.run(feeds);
    expect(result['0']).toEqual(Float32Array.of(2, 8, 18));
    expect([result['1']?.[5], result['2']?.[699_999]]).toEqual([12, 18]);
    expect(log.map((line) => line.split(' ')[0])).toEqual(['start', 'start', 'finish', 'finish']);
  });
});
