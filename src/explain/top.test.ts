import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { temporaryFolder } from '../train/testing.ts';
import { readNpy } from '../weights/npy.ts';
import { findLayer, receptiveBox } from './layer.ts';
import { createProjector } from './project.ts';
import { type LayerScan, scanLayers } from './scan.ts';
import { inputsOf } from './scan-input.ts';
import { dataChecksum } from './scan-key.ts';
import { chooseUnits, type ProjectedUnit, projectTop } from './top.ts';
import { addActivations, createTopList, topEntries } from './top-list.ts';
import { type TopEntryRecord, writeTopSheet } from './top-sheet.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const reference = createReferenceEngine();
const native = tryCreateOneDnnEngine({ threads: 1 }).engine;
const subject = tinySubject();
const { dataset, source } = noisePictures(14);
const dtype = 'f32';
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

async function scanOf(layer: string): Promise<LayerScan> {
  const data = dataChecksum(source, dataset);
  const [scan] = await scanLayers({ subject, source, data, layers: [layer], engine: reference, dtype });
  return scan as LayerScan;
}

describe('the list of the strongest', () => {
  it('keeps the first of equals, in a picture and between pictures', () => {
    const list = createTopList(1, 2);
    addActivations(list, [1, 3, 3, 0, 3, 1, 1, 1, 0, 0, 0, 4], 7, 3, 4, 2);
    expect(topEntries(list, 0)).toEqual([
      { picture: 9, value: 4, position: [1, 1] },
      { picture: 7, value: 3, position: [0, 1] },
    ]);
  });

  it('passes NaN over, and has no more places than pictures', () => {
    const list = createTopList(2, 3);
    addActivations(list, [Number.NaN, -1, Number.NaN, Number.NaN], 0, 1, 2, 2);
    expect(topEntries(list, 0)).toEqual([{ picture: 0, value: -1, position: [0, 1] }]);
    expect(topEntries(list, 1)).toEqual([]);
    expect([...list.active]).toEqual([0, 0]);
  });
});

describe('chooseUnits', () => {
  it('draws different units, the same for the same seed', () => {
    const chosen = chooseUnits(100, 10, 4);
    expect(new Set(chosen).size).toBe(10);
    expect(chosen).toEqual(chooseUnits(100, 10, 4));
    expect(chosen).not.toEqual(chooseUnits(100, 10, 5));
    expect(chooseUnits(3, 10, 1)).toEqual([0, 1, 2]);
  });
});

for (const [name, engine] of [
  ['the reference engine', reference],
  ['oneDNN', native],
] as const) {
  describe.skipIf(engine === undefined)(`projectTop on ${name}`, () => {
    it('projects each activation alone, with the patch that it saw', async () => {
      const scan = await scanOf('second');
      const found: ProjectedUnit[] = [];
      const request = { subject, source, engine: engine ?? reference, dtype, scan, units: [4, 0] } as const;
      for await (const unit of projectTop(request)) found.push(unit);
      expect(found.map(({ unit }) => unit)).toEqual([4, 0]);
      const network = tinyNetwork(1);
      const layer = findLayer(network, 'second');
      const projector = createProjector(reference, network, subject.tensors, layer, {
        rule: 'deconvnet',
        dtype,
      });
      for (const { unit, entries } of found) {
        expect(entries).toHaveLength(9);
        for (const { picture, position, pixels, box, patch, name: file } of entries) {
          expect(file).toBe(`noise test ${picture}`);
          expect(box).toEqual(receptiveBox(network, layer, position[0], position[1]));
          const image = await inputsOf(source, subject.preprocessing, [picture]);
          const [alone] = projector.project(image, [{ unit, position: [position[0], position[1]] }]);
          const width = box.right - box.left;
          const plane = width * (box.bottom - box.top);
          for (let i = 0; i < 3 * plane; i++) {
            const y = box.top + Math.floor((i % plane) / width);
            const at = Math.floor(i / plane) * 120 + y * 12 + box.left + (i % width);
            expect(pixels[i]).toBeCloseTo(alone?.pixels[at] as number, 4);
            expect(patch[i]).toBe(dataset.pixels[picture * 360 + at]);
          }
        }
      }
      projector.dispose();
    });
  });
}

describe('writeTopSheet', () => {
  it('writes the sheet and, behind it, JSON and arrays', async () => {
    const scan = await scanOf('first');
    const record = await writeTopSheet({
      subject,
      source,
      engine: reference,
      dtype,
      scan,
      units: [1, 3],
      folder,
      title: 'A title',
      subtitle: 'A subtitle',
      labels: Array.from({ length: 14 }, (_, i) => `class ${i % 2}`),
      window: 'energy',
    });
    expect(JSON.parse(readFileSync(record.json, 'utf8'))).toEqual(record);
    expect((await sharp(record.figure).metadata()).width).toBeGreaterThan(600);
    const [map] = record.maps;
    expect(map?.top[0]?.class).toMatch(/^class [01]$/);
    const stack = readNpy(map?.projections as string);
    expect(stack.shape.slice(0, 2)).toEqual([9, 3]);
    // The first entry's pixels stand in the upper left of its place.
    const first = map?.top[0] as TopEntryRecord;
    const { box } = first;
    const [, , height, width] = stack.shape as [number, number, number, number];
    expect(height).toBeGreaterThanOrEqual(box.bottom - box.top);
    expect(width).toBeGreaterThanOrEqual(box.right - box.left);
    const patches = readNpy(map?.patches as string);
    expect(patches.data[0]).toBe(dataset.pixels[first.index * 360 + box.top * 12 + box.left]);
  });

  it('draws a map that never woke, and says so', async () => {
    const tensors = new Map(subject.tensors);
    tensors.set('first.conv.weight', new Float32Array(5 * 27));
    tensors.set('first.conv.bias', new Float32Array(5));
    const dead = { ...subject, tensors };
    const request = { subject: dead, source, engine: reference, dtype } as const;
    const [scan] = await scanLayers({ ...request, data: 'x', layers: ['first'] });
    const record = await writeTopSheet({
      ...request,
      scan: scan as LayerScan,
      units: [2],
      folder: join(folder, 'dead'),
      title: 'Dead',
      subtitle: '',
    });
    expect(record.maps[0]).toMatchObject({ unit: 2, active: 0 });
    expect(record.maps[0]?.top[0]?.activation).toBe(0);
    expect(existsSync(record.figure)).toBe(true);
  });

  it('refuses a unit that is not there', async () => {
    const scan = await scanOf('first');
    const request = { subject, source, engine: reference, dtype, scan, units: [5] } as const;
    await expect(writeTopSheet({ ...request, folder, title: '', subtitle: '' })).rejects.toThrow(
      'first has no unit 5; its 5 units are 0 to 4.',
    );
  });
});
