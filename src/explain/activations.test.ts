import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { activationMaps, layerActivations, rangeOf, strongestMaps } from './activations.ts';
import { drawActivations } from './activations-figure.ts';
import { findLayer, type Layer } from './layer.ts';
import { tinyNetwork, tinySubject } from './top-testing.ts';

const layer = { path: 'x', units: 3, height: 1, width: 2 } as Layer;
const maps = activationMaps(Float32Array.of(1, 2, 0, 0, -5, 1), layer);

describe('activationMaps', () => {
  it('has the numbers of each map', () => {
    expect(maps.map(({ min, max, mean }) => [min, max, mean])).toEqual([
      [1, 2, 1.5],
      [0, 0, 0],
      [-5, 1, -2],
    ]);
    expect(rangeOf(maps)).toEqual({ min: -5, max: 2 });
    expect(rangeOf([])).toEqual({ min: 0, max: 0 });
  });

  it('finds the strongest of either sign, in the order of the units', () => {
    expect(strongestMaps(maps, 2).map(({ unit }) => unit)).toEqual([0, 2]);
  });
});

describe('layerActivations', () => {
  it('gives the bias alone for a picture of zeros', () => {
    const subject = tinySubject();
    const network = tinyNetwork(1);
    const conv = findLayer(network, 'first.conv');
    const engine = createReferenceEngine();
    const values = layerActivations(engine, network, subject.tensors, conv, new Float32Array(360), {
      dtype: 'f32',
    });
    const bias = subject.tensors.get('first.conv.bias') as Float32Array;
    for (const { unit, min, max } of activationMaps(values, conv)) {
      expect(min).toBeCloseTo(bias[unit] as number, 6);
      expect(max).toBeCloseTo(bias[unit] as number, 6);
    }
  });
});

describe('drawActivations', () => {
  const picture = { rgb: new Uint8Array(12), height: 2, width: 2 };

  it('draws zeros as a picture', async () => {
    const zeros = activationMaps(new Float32Array(6), layer);
    const drawing = await drawActivations({
      title: 'Zeros',
      layer,
      maps: zeros,
      zero: 3,
      picture,
      scale: 'shared',
    });
    expect(drawing.body).toContain('<image');
  });

  it('draws layers without maps, one square per unit', async () => {
    const flat = { path: 'fc', units: 6, height: 1, width: 1 } as Layer;
    const units = activationMaps(Float32Array.of(1, -2, 3, 0, 5, 6), flat);
    const drawing = await drawActivations({
      title: 'FC',
      layer: flat,
      maps: units,
      zero: 1,
      picture,
      scale: 'own',
    });
    expect(drawing.body.match(/<image/g)).toHaveLength(8);
  });
});
