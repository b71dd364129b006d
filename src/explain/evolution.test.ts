import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { temporaryFolder } from '../train/testing.ts';
import { readNpy } from '../weights/npy.ts';
import { layerActivations } from './activations.ts';
import { type EvolutionRequest, evolve, jumped, type Stage } from './evolution.ts';
import { writeEvolution } from './evolution-files.ts';
import { makeEvolution } from './evolution-open.ts';
import { listSnapshots, saveSnapshot } from './evolution-snapshots.ts';
import { findLayer } from './layer.ts';
import { createProjector } from './project.ts';
import type { Subject } from './scan.ts';
import { inputsOf } from './scan-input.ts';
import { dataChecksum } from './scan-key.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const reference = createReferenceEngine();
const native = tryCreateOneDnnEngine({ threads: 1 }).engine;
const { dataset, source } = noisePictures(11);
const data = dataChecksum(source, dataset);
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const subjects = [1, 2, 2, 3].map(tinySubject);
const stages = subjects.map(
  (subject, epoch): Stage => ({ name: `epoch ${epoch}`, epoch, open: () => subject }),
);

function request(more: Partial<EvolutionRequest> = {}): EvolutionRequest {
  return { stages, source, data, layers: ['second'], engine: reference, dtype: 'f32', ...more };
}

/** The strongest activation of a unit, found by looking at every one: picture, position, value. */
async function strongest(subject: Subject, unit: number) {
  const network = tinyNetwork(source.length);
  const layer = findLayer(network, 'second');
  const images = await inputsOf(source, subject.preprocessing, [...Array(source.length).keys()]);
  const all = layerActivations(reference, network, subject.tensors, layer, images, { dtype: 'f32' });
  const plane = layer.height * layer.width;
  let best = { picture: 0, y: 0, x: 0, value: Number.NEGATIVE_INFINITY };
  for (let picture = 0; picture < source.length; picture++) {
    for (let i = 0; i < plane; i++) {
      const value = all[(picture * layer.units + unit) * plane + i] as number;
      const [y, x] = [Math.floor(i / layer.width), i % layer.width];
      if (value > best.value) best = { picture, y, x, value };
    }
  }
  return best;
}

for (const [name, engine] of [
  ['the reference engine', reference],
  ['oneDNN', native],
] as const) {
  describe.skipIf(engine === undefined)(`evolve on ${name}`, () => {
    it('finds at each moment the strongest activation, and projects it with the weights of that moment', async () => {
      const [found] = await evolve(request({ engine: engine ?? reference, units: [4, 1] }));
      expect(found).toMatchObject({ layer: 'second', units: 6, pictures: 11, rule: 'deconvnet' });
      expect(found?.maps.map(({ unit }) => unit)).toEqual([4, 1]);
      for (const { unit, moments } of found?.maps ?? []) {
        for (const [stage, subject] of subjects.entries()) {
          const { picture, y, x, value } = await strongest(subject, unit);
          const entry = moments[stage];
          expect(entry?.picture).toBe(picture);
          expect(entry?.position).toEqual([y, x]);
          expect(entry?.value).toBeCloseTo(value, 4);
          const network = tinyNetwork(1);
          const projector = createProjector(
            reference,
            network,
            subject.tensors,
            findLayer(network, 'second'),
          );
          const image = await inputsOf(source, subject.preprocessing, [picture]);
          const [alone] = projector.project(image, [{ unit, position: [y, x] }]);
          projector.dispose();
          const energy = (pixels: Float32Array): number => pixels.reduce((sum, each) => sum + each * each, 0);
          expect(energy(entry?.pixels as Float32Array)).toBeCloseTo(energy(alone?.pixels as Float32Array), 3);
        }
      }
    });
  });
}

describe('evolve', () => {
  it('follows the same maps for the same seed', async () => {
    const units = async (seed: number) =>
      (await evolve(request({ maps: 3, seed })))[0]?.maps.map(({ unit }) => unit);
    expect(await units(5)).toEqual(await units(5));
    expect(await units(5)).not.toEqual(await units(6));
  });

  it('marks where another picture takes the lead, and nothing where the weights stood still', async () => {
    const [found] = await evolve(request());
    for (const map of found?.maps ?? []) {
      expect(jumped(map, 0)).toBe(false);
      expect(jumped(map, 2)).toBe(false);
      expect(map.moments[2]).toEqual(map.moments[1]);
      expect(jumped(map, 3)).toBe(map.moments[2]?.picture !== map.moments[3]?.picture);
    }
    expect(found?.maps.some((map) => jumped(map, 1) || jumped(map, 3))).toBe(true);
  });

  it('refuses a layer and a unit that are not there, and weights of no moment', async () => {
    await expect(evolve(request({ layers: ['secnd'] }))).rejects.toThrow(
      "has no layer 'secnd'. Did you mean second",
    );
    await expect(evolve(request({ units: [6] }))).rejects.toThrow('its 6 units are 0 to 5.');
    await expect(evolve(request({ stages: [] }))).rejects.toThrow('at least one moment');
  });

  it('stops when it is asked to', async () => {
    await expect(evolve(request({ signal: AbortSignal.abort() }))).rejects.toThrow('abort');
  });
});

describe('writeEvolution', () => {
  const canvas = { channels: 3, height: 10, width: 12 };
  const words = { title: 'A title', subtitle: 'A subtitle', canvas };

  it.each(['webp', 'gif'] as const)('writes sheet, %s and what stands behind them', async (animation) => {
    const [found] = await evolve(request({ layers: ['first', 'fc'], maps: 2 }));
    if (found === undefined) throw new Error('nothing was followed');
    const labels = Array.from({ length: 11 }, (_, i) => `class ${i % 3}`);
    const out = join(folder, animation);
    const record = await writeEvolution(found, { ...words, folder: out, labels, animation });
    expect(JSON.parse(readFileSync(record.json, 'utf8'))).toEqual(record);
    expect((await sharp(record.figure).metadata()).width).toBeGreaterThan(1000);
    const frames = await sharp(record.animation, { animated: true }).metadata();
    // Two moments with the same weights give the same frame but for the timeline.
    expect(frames).toMatchObject({ format: animation, pages: 4, loop: 0 });
    const stack = readNpy(record.projections);
    const [maps, moments, channels, height, width] = stack.shape as [number, number, number, number, number];
    expect([maps, moments, channels]).toEqual([2, 4, 3]);
    const entry = found.maps[1]?.moments[3];
    const start = 7 * channels * height * width;
    expect(stack.data[start]).toBe(entry?.pixels[0]);
    expect(readNpy(record.patches).data[start]).toBe(entry?.patch[0]);
    expect(record.maps[1]?.moments[3]).toMatchObject({
      stage: 'epoch 3',
      epoch: 3,
      index: entry?.picture,
      class: `class ${(entry?.picture as number) % 3}`,
      activation: entry?.value,
    });
  });

  it('draws a map that never woke', async () => {
    const [subject] = subjects as [Subject];
    const tensors = new Map([...subject.tensors].map(([name, values]) => [name, values.map(() => 0)]));
    const dead: Stage = { name: 'dead', epoch: null, open: () => ({ ...subject, tensors }) };
    const [found] = await evolve(request({ stages: [dead], maps: 1 }));
    if (found === undefined) throw new Error('nothing was followed');
    const record = await writeEvolution(found, { ...words, folder: join(folder, 'dead') });
    expect(record.maps[0]?.moments[0]).toMatchObject({ activation: 0, active: 0, epoch: null });
    expect(existsSync(record.figure)).toBe(true);
    expect((await sharp(record.animation).metadata()).format).toBe('webp');
  });
});

describe('snapshots', () => {
  it('are listed by their epochs', () => {
    const place = join(folder, 'snapshots');
    const weights = new Map([['w', { shape: [1], data: Float32Array.of(1) }]]);
    for (const epoch of [10, 2, 0]) saveSnapshot(place, epoch, weights, {});
    expect(listSnapshots(place).map(({ epoch }) => epoch)).toEqual([0, 2, 10]);
    expect(listSnapshots(join(folder, 'nowhere'))).toEqual([]);
  });

  it('are missed in one sentence', async () => {
    const ask = { network: 'lenet', out: folder, layers: ['conv1'] };
    await expect(makeEvolution({ ...ask, weights: [folder] })).rejects.toThrow(
      `${folder} holds no snapshots (evolution/epoch-N.safetensors). Train with --watch, or give weights files.`,
    );
    await expect(makeEvolution({ ...ask, weights: [] })).rejects.toThrow('No weights to compare.');
  });
});
