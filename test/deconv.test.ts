// What must hold for projections through any network, on both engines: identities that need no other implementation.
import { describe, expect, it } from 'vitest';
import type { Engine } from '../src/engines/engine.ts';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { findLayer, layerPaths } from '../src/explain/layer.ts';
import { createProjector, type Projection, type Rule, rules } from '../src/explain/project.ts';
import { walkBack } from '../src/graph/autodiff.ts';
import { createGraph, input, liveNodes, markOutput, type Value } from '../src/graph/graph.ts';
import { maxPool } from '../src/graph/ops/index.ts';
import { isGate } from '../src/graph/ops/multiply.ts';
import { normals, streamOf, uniforms } from '../src/graph/random.ts';
import { elementCount } from '../src/graph/tensor.ts';
import type { Network } from '../src/nets/network.ts';
import { type Kind, randomNetwork } from './random-network.ts';

const found = tryCreateOneDnnEngine();
const engines: Engine[] = [createReferenceEngine(), ...(found.engine ? [found.engine] : [])];
const seeds = Array.from({ length: 24 }, (_, i) => i + 1);
const few = seeds.slice(0, 8);

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

const norm = (a: ArrayLike<number>): number => Math.sqrt(dot(a, a));
const random = (seed: number, name: string, count: number): Float32Array =>
  Float32Array.from(normals(seed, streamOf(name), count));

/** Some layers of a network, the last ones always among them. */
function someLayers(network: Network, seed: number): string[] {
  const paths = layerPaths(network);
  const draws = uniforms(seed, streamOf('layers'), 3);
  return [
    ...new Set([
      ...Array.from(draws, (u) => paths[Math.floor(u * paths.length)] as string),
      paths.at(-1) ?? '',
    ]),
  ];
}

function projectOne(engine: Engine, seed: number, kind: Kind, path: string, rule: Rule): Projection {
  const { network, tensors, images } = randomNetwork(seed, kind);
  const layer = findLayer(network, path);
  const projector = createProjector(engine, network, tensors, layer, { rule });
  try {
    return projector.project(images, [{ unit: seed % layer.units }])[0] as Projection;
  } finally {
    projector.dispose();
  }
}

/** The walk's result at the pictures for a random signal at the logits, and f(images), f(0) and the signal. */
function walked(engine: Engine, seed: number, kind: Kind, rule: Rule) {
  const { network, tensors, images } = randomNetwork(seed, kind);
  const { graph, logits } = network;
  const signal = input(graph, 'signal', logits.shape);
  markOutput('y', logits);
  markOutput(
    'dx',
    walkBack(graph, new Map([[logits, signal]]), [network.images], { rule }).get(network.images) as Value,
  );
  const program = engine.compile(graph);
  try {
    for (const [name, values] of tensors) program.write(name, values);
    const y = random(seed, 'signal', elementCount(logits.shape));
    const at = program.run({ images, signal: y });
    const origin = program.run({ images: new Float32Array(images.length), signal: y });
    return { images, y, at, origin };
  } finally {
    program.dispose();
  }
}

describe('the random networks', () => {
  it('have between them every op that a network in inference form has', () => {
    const used = new Set<string>();
    for (const seed of seeds) {
      const { network } = randomNetwork(seed, 'any');
      markOutput('y', network.logits);
      for (const { op } of liveNodes(network.graph)) used.add(op.name);
    }
    const all =
      'convolution linear relu tanh sigmoid batchNormInference lrn maxPool averagePool adaptiveAveragePool add ' +
      'multiply concat slice pad reshape';
    expect([...used].sort()).toEqual(all.split(' ').sort());
  });
});

describe.each(engines.map((engine) => [engine.name, engine] as const))('on the %s engine', (_, engine) => {
  it.each(few)('<f(x) - f(0), y> = <x, walk(y)> for affine networks, whatever the rule (%i)', (seed) => {
    for (const rule of rules) {
      const { images, y, at, origin } = walked(engine, seed, 'affine', rule);
      const change = Float64Array.from(at.y as Float32Array, (value, i) => value - (origin.y?.[i] as number));
      const scale = norm(change) * norm(y) + norm(images) * norm(at.dx as Float32Array);
      expect(norm(change)).toBeGreaterThan(0);
      expect(Math.abs(dot(change, y) - dot(images, at.dx as Float32Array))).toBeLessThan(1e-5 * scale);
    }
  });

  it.each(few)('the deconvnet with the forward mask is the gradient (%i)', (seed) => {
    const deconvnet = walked(engine, seed, 'masked', 'deconvnet');
    const gradient = walked(engine, seed, 'masked', 'gradient');
    expect(norm(gradient.at.dx as Float32Array)).toBeGreaterThan(0);
    expect(deconvnet.at.dx).toEqual(gradient.at.dx);
  });

  it.each([
    { kernel: 2, stride: 2 },
    { kernel: 3, stride: 2, ceil: true },
    { kernel: 3, stride: 1, padding: 1 },
  ])('unpool(pool(x)) keeps exactly the maxima (%o)', (options) => {
    const graph = createGraph();
    const shape = [2, 3, 9, 8];
    const x = input(graph, 'x', shape);
    const y = maxPool(x, options);
    const unpool = (signal: Value): Value =>
      walkBack(graph, new Map([[y, signal]]), [x], { rule: 'deconvnet' }).get(x) as Value;
    const ones = input(graph, 'ones', y.shape);
    markOutput('y', y);
    markOutput('unpooled', unpool(y));
    // How many windows a pixel has won: signals that share a switch add up.
    markOutput('wins', unpool(ones));
    const program = engine.compile(graph);
    const values = random(3, 'x', elementCount(shape));
    const outputs = program.run({ x: values, ones: new Float32Array(elementCount(y.shape)).fill(1) });
    program.dispose();
    const maxima = new Set(outputs.y);
    let kept = 0;
    values.forEach((value, i) => {
      const wins = outputs.wins?.[i] as number;
      if (wins > 0) kept++;
      expect(wins > 0).toBe(maxima.has(value));
      expect(outputs.unpooled?.[i]).toBeCloseTo(wins * value, 5);
    });
    expect(kept).toBe(maxima.size);
  });

  it.each(seeds)('a projection lies inside the receptive box (%i)', (seed) => {
    const { network } = randomNetwork(seed, 'any');
    for (const path of someLayers(network, seed)) {
      const last = findLayer(network, path).value.id;
      // The gradient also runs through a gate, which sees the whole picture.
      const gates = network.graph.nodes.some(
        (node) => isGate(node) && (node.outputs[0]?.id ?? last + 1) <= last,
      );
      for (const rule of rules) {
        if (gates && rule !== 'deconvnet') continue;
        const { pixels, box } = projectOne(engine, seed, 'any', path, rule);
        const [, , height, width] = network.images.shape as [number, number, number, number];
        pixels.forEach((value, i) => {
          const [y, x] = [Math.floor(i / width) % height, i % width];
          const inside = y >= box.top && y < box.bottom && x >= box.left && x < box.right;
          if (!inside && value !== 0) expect.fail(`${path}, ${rule}: ${value} at ${y},${x} outside the box`);
        });
      }
    }
  });

  it('starts where the unit is strongest, the first in row order where several are, as from that position', () => {
    for (const rule of rules) {
      for (const seed of few) {
        const { network, tensors, images } = randomNetwork(seed, 'any', 2);
        const layer = findLayer(network, 'stem');
        const projector = createProjector(engine, network, tensors, layer, { rule });
        // Equal rows of pixels make equal positions.
        const width = network.images.shape[3] as number;
        images.forEach((_, i) => {
          images[i] = images[i % width] as number;
        });
        const activations = projector.activations(images);
        const chosen = projector.project(images, [{ unit: 1 }, { unit: 2 }]);
        const plane = layer.height * layer.width;
        chosen.forEach(({ unit, position: [y, x], activation, seed: start }, i) => {
          const map = activations.subarray((i * layer.units + unit) * plane).subarray(0, plane);
          expect(activation).toBe(Math.max(...map));
          expect(y * layer.width + x).toBe(map.indexOf(activation));
          expect(start).toBe(rule === 'deconvnet' ? activation : 1);
        });
        expect(projector.project(images, chosen)).toEqual(chosen);
        projector.dispose();
      }
    }
  });
});

describe.skipIf(found.engine === undefined)('the two engines', () => {
  it.each(seeds)('project alike through every op (%i)', (seed) => {
    const [reference, other] = engines as [Engine, Engine];
    for (const path of someLayers(randomNetwork(seed, 'any').network, seed)) {
      for (const rule of rules) {
        const expected = projectOne(reference, seed, 'any', path, rule);
        const actual = projectOne(other, seed, 'any', path, rule);
        expect(actual.position, path).toEqual(expected.position);
        const largest = expected.pixels.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const error = expected.pixels.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - (actual.pixels[i] as number))),
          0,
        );
        // Where a tanh is saturated, 1 - y^2 leaves a few units of rounding of the gradient.
        expect(error, `${path}, ${rule}`).toBeLessThanOrEqual(1e-4 * Math.max(largest, 1e-3));
      }
    }
  });
});
