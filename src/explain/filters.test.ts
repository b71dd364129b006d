import { describe, expect, it } from 'vitest';
import { findNetwork, networks } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { deadFilters, filterRms, firstLayer } from './filters.ts';
import { secondLayer } from './filters-second.ts';
import { energyBetween, filterSpectrum } from './filters-spectrum.ts';
import { findLayer } from './layer.ts';

describe('firstLayer', () => {
  it('is found in every network from the graph alone', () => {
    for (const description of networks) {
      const network = buildNetwork(description);
      const { name, channels, count, path } = firstLayer(network);
      expect(channels, description.name).toBe(network.images.shape[1]);
      expect(network.graph.states.get(name)?.shape.slice(0, 2)).toEqual([count, channels]);
      expect(name.startsWith(path)).toBe(true);
    }
  });

  it('is what the papers say', () => {
    const of = (name: string) => firstLayer(buildNetwork(findNetwork(name)));
    expect(of('alexnet')).toMatchObject({ height: 11, width: 11, stride: [4, 4] });
    expect(of('zfnet')).toMatchObject({ height: 7, width: 7, stride: [2, 2], count: 96 });
  });
});

describe('secondLayer', () => {
  it.each([
    ['zfnet', 'relu2'],
    ['alexnet', 'relu2'],
    ['lenet', 'conv2'],
    ['vgg16', 'features.3'],
    ['googlenet', 'conv3'],
    ['resnet18', 'layer1.0.bn1'],
    ['resnet50', 'layer1.0.bn2'],
  ])('of %s is %s', (name, expected) => {
    expect(secondLayer(buildNetwork(findNetwork(name)))).toBe(expected);
  });

  it('is found in every network from the graph alone', () => {
    for (const description of networks) {
      const network = buildNetwork(description);
      const layer = findLayer(network, secondLayer(network));
      expect(layer.height * layer.width, description.name).toBeGreaterThan(1);
    }
  });
});

describe('filterRms and deadFilters', () => {
  it('are worked out by hand', () => {
    const weights = [3, 4, 0, 0, 1, -1, 0, 0, 1, 1, 1, -1];
    expect([...filterRms(weights, 3)]).toEqual([2.5, Math.SQRT1_2, 1]);
    expect(deadFilters(Float64Array.of(1, 0.01, 1.2, 0, 0.5))).toEqual([1, 3]);
  });
});

describe('filterSpectrum', () => {
  const wave = (cyclesPerPixel: number, side = 32): Float64Array =>
    Float64Array.from({ length: side * side }, (_, i) => Math.cos(2 * Math.PI * cyclesPerPixel * (i % side)));

  it('finds the frequency of a wave', () => {
    for (const frequency of [0.125, 0.25, 0.375]) {
      const spectrum = filterSpectrum(wave(frequency), [1, 1, 32, 32]);
      expect(energyBetween(spectrum, frequency - 0.01, frequency + 0.01)).toBeCloseTo(1, 10);
      const inside = [...spectrum.shares.keys()].find(
        (band) => frequency < (spectrum.edges[band + 1] as number),
      );
      expect(spectrum.shares[inside as number]).toBeCloseTo(1, 10);
    }
  });

  it('holds all the energy (Parseval), the same for every filter', () => {
    const weights = Float64Array.from({ length: 2 * 3 * 5 * 7 }, (_, i) => Math.sin(i * i));
    const { power, shares, side } = filterSpectrum(weights, [2, 3, 5, 7]);
    expect(side).toBe(32);
    expect(power.reduce((sum, value) => sum + value, 0)).toBeCloseTo(2, 10);
    expect(shares.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 10);
    const louder = weights.map((value, i) => (i < 105 ? 9 * value : value));
    for (const [i, value] of filterSpectrum(louder, [2, 3, 5, 7]).power.entries()) {
      expect(value).toBeCloseTo(power[i] as number, 10);
    }
  });

  it('of a constant lies at zero, of zeros nowhere', () => {
    const flat = filterSpectrum(new Float64Array(1024).fill(0.3), [1, 1, 32, 32]);
    expect(flat.power[16 * 32 + 16]).toBeCloseTo(1, 12);
    expect(flat.shares[0]).toBeCloseTo(1, 12);
    const dead = filterSpectrum(new Float64Array(49), [1, 1, 7, 7]);
    expect([...dead.shares].every((share) => share === 0)).toBe(true);
  });
});
