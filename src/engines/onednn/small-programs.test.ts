import { describe, expect, it } from 'vitest';
import { createGraph, type Graph, input, markOutput, state } from '../../graph/graph.ts';
import { linear } from '../../graph/ops/index.ts';
import { findNetwork } from '../../nets/index.ts';
import { buildNetwork, type Form } from '../../nets/network.ts';
import { createReferenceEngine } from '../reference/index.ts';
import { tryCreateOneDnnEngine } from './index.ts';
import { openLibrary } from './library.ts';
import { isSmall } from './small-programs.ts';

function networkOf(name: string, form: Form, batch: number): Graph {
  const network = buildNetwork(findNetwork(name), { form, batch, training: false });
  markOutput('logits', network.logits);
  return network.graph;
}

function oneLayer(): Graph {
  const graph = createGraph();
  const weight = state(graph, 'weight', [4, 3], 'parameter', { kind: 'uniform', bound: 1 });
  markOutput('y', linear(input(graph, 'x', [2, 3]), weight));
  return graph;
}

describe('a small program', () => {
  it('has layers that take no longer than threads need to meet', () => {
    expect(isSmall(networkOf('lenet', 'imagenet', 1))).toBe(true);
    expect(isSmall(networkOf('lenet', 'imagenet', 16))).toBe(false);
    expect(isSmall(networkOf('resnet20', 'cifar', 1))).toBe(false);
    expect(isSmall(oneLayer())).toBe(false);
  });

  const { engine, reason } = tryCreateOneDnnEngine();
  it.skipIf(engine === undefined)(
    `runs on one thread, and leaves the others to others${engine ? '' : `: skipped, ${reason}`}`,
    () => {
      if (engine === undefined) return;
      const threads = () => openLibrary().threads(0);
      const graph = networkOf('lenet', 'imagenet', 2);
      const program = engine.compile(graph, { seed: 1 });
      const { threads: all } = engine.describe();
      expect([program.report().engine.threads, threads()]).toEqual([1, all]);
      const images = Float32Array.from({ length: 2 * 32 * 32 }, (_, i) => Math.sin(i));
      const wanted = createReferenceEngine().compile(graph, { seed: 1 }).run({ images })
        .logits as Float32Array;
      const got = program.run({ images }).logits as Float32Array;
      for (const [i, value] of wanted.entries()) expect(got[i]).toBeCloseTo(value, 4);
      expect(() => program.run({ images: images.subarray(1) })).toThrow(/images/);
      expect(threads()).toBe(all);
      expect(engine.compile(networkOf('lenet', 'imagenet', 16)).report().engine.threads).toBe(all);
      const asAsked = tryCreateOneDnnEngine({ threads: all }).engine;
      expect(asAsked?.compile(graph).report().engine.threads).toBe(all);
    },
  );
});
