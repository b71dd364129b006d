import { describe, expect, it } from 'vitest';
import { initialValues } from '../engines/initial.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { correlation } from './compare-rules.ts';
import { findLayer } from './layer.ts';
import { createProjector, type Projection } from './project.ts';
import { checkSanity } from './sanity.ts';
import { crop } from './top.ts';
import { tinyNetwork, tinySubject } from './top-testing.ts';

const engine = createReferenceEngine();
const image = Float32Array.from({ length: 360 }, (_, i) => Math.sin(i * 1.7));

function project(tensors: ReadonlyMap<string, Float32Array>): Projection {
  const network = tinyNetwork(1);
  const projector = createProjector(engine, network, tensors, findLayer(network, 'second'));
  return projector.project(image, [{ unit: 2 }])[0] as Projection;
}

const inside = ({ pixels, box }: Projection): Float32Array => crop(pixels, [3, 10, 12], box);

describe('checkSanity', () => {
  it('projects the same unit at the same position with other weights, and says how alike the two are', () => {
    const { tensors } = tinySubject();
    const trained = project(tensors);
    const network = tinyNetwork(1);
    const layer = findLayer(network, 'second');
    const check = checkSanity(engine, network, tensors, layer, image, trained, { draws: 4 });
    expect(check.levels.map(({ randomised }) => randomised)).toEqual([1, 2]);
    expect(check.full).toBe(check.levels[1]);
    expect(check.full.correlations).toHaveLength(4);
    expect(check.example).toMatchObject({
      unit: 2,
      position: trained.position,
      activation: trained.activation,
    });
    expect(check.example.pixels).not.toEqual(trained.pixels);
    for (const r of check.full.correlations) expect(Math.abs(r)).toBeLessThan(0.95);
    expect(new Set(check.full.correlations).size).toBe(4);
    expect(check.full.deviation).toBeGreaterThan(0);
  });

  it('leaves the lower layers as they are where only the upper ones are random', () => {
    const { tensors } = tinySubject();
    const network = tinyNetwork(1);
    const layer = findLayer(network, 'second');
    const mixed = new Map(tensors);
    for (const [name, { shape, source }] of network.graph.states) {
      if (source.kind !== 'state' || !name.startsWith('second')) continue;
      mixed.set(name, initialValues(name, shape, source.initial, 9));
    }
    // A network that has the drawn weights altogether: its forward pass differs above the switches alone, and with it
    // only the size of the signal, to which a correlation is blind.
    const trained = project(tensors);
    const check = checkSanity(engine, network, tensors, layer, image, trained, { draws: 1, seed: 9 });
    const seed = { unit: 2, position: trained.position };
    const lower = tinyNetwork(1);
    const projector = createProjector(engine, lower, mixed, findLayer(lower, 'second'));
    const other = projector.project(image, [seed])[0] as Projection;
    const r = correlation(inside(trained), inside(other));
    expect(other.activation).toBeGreaterThan(0);
    expect(check.levels[0]?.mean).toBeCloseTo(r, 5);
  });

  it('finds a correlation of 1 where the weights happen to be those that it draws', () => {
    const tensors = new Map<string, Float32Array>();
    for (const [name, { shape, source }] of tinyNetwork(1).graph.states) {
      if (source.kind === 'state') tensors.set(name, initialValues(name, shape, source.initial, 9));
    }
    const trained = project(tensors);
    expect(Math.max(...trained.pixels.map(Math.abs))).toBeGreaterThan(0);
    const network = tinyNetwork(1);
    const layer = findLayer(network, 'second');
    const check = checkSanity(engine, network, tensors, layer, image, trained, { draws: 1, seed: 9 });
    expect(check.full.mean).toBeCloseTo(1, 6);
    expect(check.full.magnitudes).toBeCloseTo(1, 6);
    expect(check.example.pixels).toEqual(trained.pixels);
  });
});
