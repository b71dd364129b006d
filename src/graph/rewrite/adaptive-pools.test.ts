import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { walkBack } from '../autodiff.ts';
import { createGraph, type Graph, input, liveNodes, markOutput, type Value } from '../graph.ts';
import { adaptiveAveragePool } from '../ops/index.ts';
import { uniforms } from '../random.ts';
import { elementCount } from '../tensor.ts';
import { adaptivePoolsAsProducts } from './adaptive-pools.ts';

function pooled(h: number, w: number, output: readonly [number, number]): Graph {
  const graph = createGraph();
  const x = input(graph, 'x', [2, 3, h, w]);
  const y = adaptiveAveragePool(x, output);
  const dy = input(graph, 'dy', y.shape);
  markOutput('y', y);
  markOutput('dx', walkBack(graph, new Map([[y, dy]]), [x]).get(x) as Value);
  return graph;
}

function run(graph: Graph) {
  const feeds = Object.fromEntries(
    [...graph.inputs].map(([name, { shape }], i) => {
      return [name, Float32Array.from(uniforms(1, i, elementCount(shape)))];
    }),
  );
  return createReferenceEngine().compile(graph, { dtype: 'f64' }).run(feeds);
}

describe('adaptive pools as products', () => {
  it.each<[number, number, readonly [number, number]]>([
    [14, 14, [4, 4]],
    [7, 5, [3, 2]],
    [3, 5, [4, 7]],
  ])('of %ix%i give the same sums and gradients', (h, w, output) => {
    const graph = pooled(h, w, output);
    const rewritten = adaptivePoolsAsProducts(graph);
    const names = liveNodes(rewritten).map(({ op }) => op.name);
    expect(names.filter((name) => name.startsWith('linear'))).toEqual(['linear', 'linearBackwardData']);
    expect(names.some((name) => name.startsWith('adaptive'))).toBe(false);
    const [expected, actual] = [run(graph), run(rewritten)];
    for (const [name, numbers] of Object.entries(expected)) {
      expect(actual[name]).toHaveLength(numbers.length);
      numbers.forEach((value, i) => {
        expect(actual[name]?.[i]).toBeCloseTo(value, 6);
      });
    }
  });

  it('leave plain pools alone', () => {
    const graph = pooled(8, 8, [4, 4]);
    expect(adaptivePoolsAsProducts(graph)).toBe(graph);
  });
});
