// The trained GoogLeNet on a photograph against PyTorch (tools/torch/deconv_fixtures.py): the gradient rule is its
// autograd, the other two its backward pass with another rule for ReLU. Skipped where the weights are not at hand.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { openModel, weightsFor } from '../src/evaluate/model.ts';
import { findLayer } from '../src/explain/layer.ts';
import { createProjector, type Rule, rules } from '../src/explain/project.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork } from '../src/nets/network.ts';
import { weights } from './googlenet-samples.ts';

interface Case {
  readonly rule: Rule;
  readonly layer: string;
  readonly unit: number;
  readonly position: readonly [number, number];
  readonly activation: number;
  readonly sum: number;
  readonly magnitude: number;
  readonly norm: number;
  readonly largest: number;
  readonly strongest: readonly (readonly [number, number])[];
  readonly samples: readonly number[];
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const fixture: { mean: number[]; step: number; cases: Case[] } = JSON.parse(
  readFileSync(here('./fixtures/deconv-googlenet.json'), 'utf8'),
);
const { engine } = tryCreateOneDnnEngine();
const side = 224;
const tolerance = 1e-3;

async function centre(): Promise<Float32Array> {
  const photo = sharp(here('./fixtures/photos/chelsea.png')).removeAlpha();
  const { width = 0, height = 0 } = await photo.metadata();
  const area = { left: (width - side) >> 1, top: (height - side) >> 1, width: side, height: side };
  const bytes = await photo.extract(area).raw().toBuffer();
  return Float32Array.from({ length: 3 * side * side }, (_, i) => {
    const [channel, at] = [Math.floor(i / (side * side)), i % (side * side)];
    return (bytes[3 * at + channel] as number) - (fixture.mean[channel] as number);
  });
}

describe.skipIf(!existsSync(weights) || engine === undefined)(
  'GoogLeNet with the weights of BVLC (where they lie in ../shared/data), against PyTorch',
  () => {
    const layers = fixture.cases.filter(({ rule }) => rule === 'gradient').map(({ layer }) => layer);
    it.each(layers)('%s: deconvnet, gradient and guided projection of its strongest unit', async (path) => {
      const image = await centre();
      const model = openModel({ network: 'googlenet', weights });
      for (const rule of rules) {
        const expected = fixture.cases.find((each) => each.rule === rule && each.layer === path) as Case;
        const network = buildNetwork(findNetwork('googlenet'));
        const layer = findLayer(network, path);
        if (engine === undefined) return;
        const projector = createProjector(engine, network, weightsFor(model, network), layer, { rule });
        const [found] = projector.project(image, [{ unit: expected.unit }]);
        projector.dispose();
        const { position, activation, pixels = new Float32Array() } = found ?? {};
        expect(position).toEqual(expected.position);
        expect(Math.abs((activation ?? 0) / expected.activation - 1)).toBeLessThan(1e-4);
        let [sum, magnitude, squares, largest] = [0, 0, 0, 0];
        for (const value of pixels) {
          sum += value;
          magnitude += Math.abs(value);
          squares += value * value;
          largest = Math.max(largest, Math.abs(value));
        }
        const near = (got: number, wanted: number, scale: number): void => {
          expect(Math.abs(got - wanted), `${rule} ${got} ${wanted}`).toBeLessThanOrEqual(tolerance * scale);
        };
        near(sum, expected.sum, expected.magnitude);
        near(magnitude, expected.magnitude, expected.magnitude);
        near(Math.sqrt(squares), expected.norm, expected.norm);
        near(largest, expected.largest, expected.largest);
        for (const [i, value] of expected.strongest) near(pixels[i] as number, value, expected.largest);
        let sample = 0;
        for (let channel = 0; channel < 3; channel++) {
          for (let y = fixture.step / 2; y < side; y += fixture.step) {
            for (let x = fixture.step / 2; x < side; x += fixture.step) {
              const at = (channel * side + y) * side + x;
              near(pixels[at] as number, expected.samples[sample++] as number, expected.largest);
            }
          }
        }
        expect(sample).toBe(expected.samples.length);
      }
    });
  },
);
