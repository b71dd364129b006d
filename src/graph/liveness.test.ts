import { describe, expect, it } from 'vitest';
import { createGraph, input, markOutput, state, type Value } from './graph.ts';
import { peakBytes } from './liveness.ts';
import { add, concat, flatten, linear, relu } from './ops/index.ts';
import { elementCount } from './tensor.ts';

const bytesOf = (value: Value): number => (value.source.kind === 'state' ? 0 : 4 * elementCount(value.shape));

function picture(size = 10): { x: Value } {
  return { x: input(createGraph(), 'x', [1, size]) };
}

function dense(x: Value, name: string, outputs: number): Value {
  const shape = [outputs, x.shape[1] as number];
  return linear(x, state(x.graph, name, shape, 'parameter', { kind: 'constant', value: 0 }));
}

describe('peakBytes', () => {
  it('is the widest neighbourhood of a chain', () => {
    const { x } = picture();
    markOutput('y', dense(dense(dense(x, 'a', 50), 'b', 30), 'c', 2));
    // 10 + 50, 50 + 30, 30 + 2
    expect(peakBytes(x.graph.nodes, bytesOf)).toBe(4 * 80);
  });

  it('lets element-by-element ops write over an input that dies, and only then', () => {
    const { x } = picture();
    markOutput('y', relu(dense(x, 'a', 50)));
    expect(peakBytes(x.graph.nodes, bytesOf)).toBe(4 * 60);
    const kept = picture();
    const h = dense(kept.x, 'a', 50);
    markOutput('y', add(relu(h), h));
    expect(peakBytes(kept.x.graph.nodes, bytesOf)).toBe(4 * 100);
  });

  it('takes a reshape as a view, and keeps what it is told to the end', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [1, 2, 5, 5]);
    const flat = flatten(x);
    const y = dense(dense(flat, 'a', 4), 'b', 1);
    expect(peakBytes(graph.nodes, bytesOf)).toBe(4 * 54);
    expect(peakBytes(graph.nodes, bytesOf, [flat, y])).toBe(4 * 55);
  });

  it('keeps a value until its last reader', () => {
    const { x } = picture();
    const h = dense(x, 'a', 50);
    markOutput('y', concat([h, dense(dense(h, 'b', 100), 'c', 7)], 1));
    // h and 100, then h, 7 and the 57 of both
    expect(peakBytes(x.graph.nodes, bytesOf)).toBe(4 * 157);
  });
});
