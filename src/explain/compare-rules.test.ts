import { describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { compareRules, correlation } from './compare-rules.ts';
import { drawRules } from './compare-rules-figure.ts';
import { inputsOf } from './scan-input.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const subject = tinySubject();
const { source } = noisePictures(2);
const image = await inputsOf(source, subject.preprocessing, [0]);
const build = () => tinyNetwork(1);
const reference = createReferenceEngine();
const dtype = 'f32';

describe('compareRules', () => {
  it('takes the same activation down three ways', () => {
    const seed = { layer: 'second', unit: 1 };
    const { projections, correlations } = compareRules(reference, build, subject.tensors, image, seed, {
      dtype,
    });
    const { deconvnet, gradient, guided } = projections;
    expect(gradient.position).toEqual(deconvnet.position);
    expect(guided.activation).toBe(deconvnet.activation);
    expect(deconvnet.activation).toBeGreaterThan(0);
    expect(correlations.map(({ rules }) => rules.join(' '))).toEqual([
      'deconvnet gradient',
      'deconvnet guided',
      'gradient guided',
    ]);
    for (const { r } of correlations) expect(Math.abs(r)).toBeLessThanOrEqual(1 + 1e-9);
    expect(guided.pixels).not.toEqual(gradient.pixels);
  });

  it('agrees between the engines', (context) => {
    const { engine } = tryCreateOneDnnEngine({ threads: 1 });
    if (engine === undefined) return context.skip('oneDNN is not installed');
    const seed = { layer: 'second', unit: 1, position: [2, 1] as const };
    const [a, b] = [reference, engine].map((each) =>
      compareRules(each, build, subject.tensors, image, seed, { dtype }),
    );
    for (const rule of ['deconvnet', 'gradient', 'guided'] as const) {
      const [first, second] = [a, b].map((each) => each?.projections[rule].pixels as Float32Array);
      for (const [i, value] of (first as Float32Array).entries()) expect(second?.[i]).toBeCloseTo(value, 4);
    }
  });

  it('has no difference between rules where there is no ReLU on the way', () => {
    const seed = { layer: 'first.conv', unit: 0, position: [2, 3] as const };
    const { projections, correlations } = compareRules(reference, build, subject.tensors, image, seed, {
      dtype,
    });
    expect(projections.gradient.pixels).toEqual(projections.guided.pixels);
    for (const { r } of correlations) expect(Math.abs(r)).toBeCloseTo(1, 5);
  });
});

describe('correlation', () => {
  it('is 1 of a scaled copy, -1 of its mirror, 0 where nothing varies', () => {
    const a = Float32Array.of(1, 2, 4);
    expect(correlation(a, Float32Array.of(3, 5, 9))).toBeCloseTo(1, 12);
    expect(correlation(a, Float32Array.of(-1, -2, -4))).toBeCloseTo(-1, 12);
    expect(correlation(a, new Float32Array(3))).toBe(0);
  });
});

describe('drawRules', () => {
  it('draws a projection of zeros as a picture', async () => {
    const zero = {
      unit: 0,
      position: [0, 0] as const,
      activation: 0,
      seed: 0,
      box: { top: 0, left: 0, bottom: 3, right: 3 },
      pixels: new Float32Array(360),
    };
    const projections = { deconvnet: zero, gradient: zero, guided: zero };
    const comparison = { projections, correlations: [] };
    const picture = { name: 'a', rgb: new Uint8Array(360), comparison };
    const drawing = await drawRules([picture], { channels: 3, height: 10, width: 12 }, 'Zeros');
    expect(drawing.body.match(/<image/g)).toHaveLength(4);
  });
});
