import { describe, expect, it } from 'vitest';
import type { Program } from '../engines/engine.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { type Graph, markOutput, type Value } from '../graph/graph.ts';
import { flatten, maxPool, multiply, relu, reshape, sigmoid } from '../graph/ops/index.ts';
import { lenet } from '../nets/families/lenet.ts';
import type { Layers } from '../nets/layers.ts';
import { buildNetwork, type NetworkDescription } from '../nets/network.ts';
import { denseGraph } from './dense.ts';

const engine = createReferenceEngine();

/** A network of few layers under the name `tiny`. */
function tiny(build: (x: Value, net: Layers, classes: number) => Value, side = 8): NetworkDescription {
  return {
    name: 'tiny',
    year: 2000,
    paper: '',
    forms: { imagenet: { channels: 2, height: side, width: side, classes: 3, build } },
  };
}

function copyWeights(from: Program, to: Program, graph: Graph): void {
  for (const name of graph.states.keys()) to.write(name, from.read(name));
}

/** Logits of `description` over `pixels` (CxHxW): of the network itself, and densely with the same weights. */
function both(description: NetworkDescription) {
  const own = buildNetwork(description);
  markOutput('logits', own.logits);
  const program = engine.compile(own.graph, { seed: 3 });
  const dense = (pixels: Float32Array, height: number, width: number): number[] => {
    const graph = denseGraph(buildNetwork(description), height, width);
    const larger = engine.compile(graph);
    copyWeights(program, larger, graph);
    expect([...graph.states.keys()].sort()).toEqual([...own.graph.states.keys()].sort());
    return [...(larger.run({ images: pixels }).logits as Float32Array)];
  };
  const plain = (pixels: Float32Array): number[] => [
    ...(program.run({ images: pixels }).logits as Float32Array),
  ];
  return { dense, plain };
}

function noise(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * i * 0.37) + Math.cos(i * 1.7));
}

function cut(pixels: Float32Array, channels: number, width: number, top: number, left: number, side: number) {
  const height = pixels.length / channels / width;
  return Float32Array.from({ length: channels * side * side }, (_, i) => {
    const [c, y, x] = [Math.floor(i / side / side), Math.floor(i / side) % side, i % side];
    return pixels[(c * height + top + y) * width + left + x] as number;
  });
}

function expectClose(got: readonly number[], wanted: readonly number[]): void {
  expect(got).toHaveLength(wanted.length);
  for (const [i, value] of got.entries()) expect(value).toBeCloseTo(wanted[i] as number, 4);
}

describe('denseGraph', () => {
  it('is the network itself at its own size', () => {
    const { dense, plain } = both(lenet);
    expectClose(dense(noise(32 * 32), 32, 32), plain(noise(32 * 32)));
  });

  it('averages the logits of all crops, four pixels apart, where nothing is padded (LeNet)', () => {
    const { dense, plain } = both(lenet);
    const [height, width] = [36, 40];
    const pixels = noise(height * width);
    const crops = [0, 4].flatMap((top) => [0, 4, 8].map((left) => cut(pixels, 1, width, top, left, 32)));
    const logits = crops.map(plain);
    const mean = logits[0]?.map((_, k) => logits.reduce((sum, each) => sum + (each[k] as number), 0) / 6);
    expectClose(dense(pixels, height, width), mean as number[]);
  });

  it('runs networks with global pooling, and their gates, over the larger picture', () => {
    const description = tiny((x, net, classes) => {
      let h = relu(net.conv(x, 'conv', 4, 3, { padding: 1 }));
      let gate = flatten(net.globalAveragePool(h, 'squeeze'));
      gate = sigmoid(net.linear(relu(net.linear(gate, 'down', 2)), 'up', 4));
      h = multiply(h, reshape(gate, [1, 4, 1, 1]));
      return net.linear(flatten(net.globalAveragePool(h, 'pool')), 'fc', classes);
    });
    const { dense } = both(description);
    const larger = both({
      ...description,
      forms: { imagenet: { ...description.forms.imagenet, height: 11, width: 13 } as never },
    });
    const pixels = noise(2 * 11 * 13);
    // The same seed gives the same weights: they are drawn by name.
    expectClose(dense(pixels, 11, 13), larger.plain(pixels));
  });

  it('keeps a small last pool a pool', () => {
    const { dense, plain } = both(
      tiny((x, net, classes) => net.linear(flatten(maxPool(relu(x), { kernel: 2 })), 'fc', classes), 2),
    );
    const pixels = noise(2 * 4 * 4);
    const parts = [0, 2].flatMap((top) => [0, 2].map((left) => plain(cut(pixels, 2, 4, top, left, 2))));
    const mean = parts[0]?.map((_, k) => parts.reduce((sum, each) => sum + (each[k] as number), 0) / 4);
    expectClose(dense(pixels, 4, 4), mean as number[]);
  });

  it('refuses what no convolution stands for', () => {
    const odd = tiny((x, net, classes) => net.linear(reshape(flatten(x), [1, 128]), 'fc', classes));
    expect(() => denseGraph(buildNetwork(odd), 16, 16)).not.toThrow();
    const mixed = tiny((x, net, classes) => net.linear(flatten(reshape(x, [1, 4, 4, 8])), 'fc', classes));
    expect(() => denseGraph(buildNetwork(mixed), 16, 16)).toThrow(
      /tiny does not run densely over 16x16: it reshapes 1x2x8x8 to 1x4x4x8/,
    );
  });
});
