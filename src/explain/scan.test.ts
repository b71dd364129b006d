import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { temporaryFolder } from '../train/testing.ts';
import { layerActivations } from './activations.ts';
import { findLayer } from './layer.ts';
import { type LayerScan, type ScanRequest, scanLayers } from './scan.ts';
import { inputPicture, inputsOf } from './scan-input.ts';
import { dataChecksum } from './scan-key.ts';
import { topEntries } from './top-list.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const engine = createReferenceEngine();
const subject = tinySubject();
const { dataset, source } = noisePictures(23);
const data = dataChecksum(source, dataset);
const layers = ['first', 'second.conv', 'fc'];
let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

function request(more: Partial<ScanRequest> = {}): ScanRequest {
  return { subject, source, data, layers, engine, dtype: 'f32', batch: 4, ...more };
}

/** Every activation of every picture at once, sorted. */
async function bruteForce(path: string, from = engine) {
  const network = tinyNetwork(source.length);
  const layer = findLayer(network, path);
  const all = Array.from({ length: source.length }, (_, i) => i);
  const images = await inputsOf(source, subject.preprocessing, all);
  const values = layerActivations(from, network, subject.tensors, layer, images, { dtype: 'f32' });
  const plane = layer.height * layer.width;
  return Array.from({ length: layer.units }, (_, unit) => {
    const best = all.map((picture) => {
      const start = (picture * layer.units + unit) * plane;
      const own = Array.from(values.subarray(start, start + plane));
      const value = Math.max(...own);
      const place = own.indexOf(value);
      const position = [Math.floor(place / layer.width), place % layer.width] as const;
      return { picture, value, position };
    });
    return best.toSorted((a, b) => b.value - a.value || a.picture - b.picture).slice(0, 9);
  });
}

function entriesOf({ units, top }: LayerScan) {
  return Array.from({ length: units }, (_, unit) => topEntries(top, unit));
}

describe('a scan', () => {
  it('finds what brute force finds, in every layer, whatever the batch', async () => {
    const expected = await Promise.all(layers.map((path) => bruteForce(path)));
    for (const batch of [1, 4, 23, 50]) {
      const scans = await scanLayers(request({ batch }));
      expect(scans.map(({ layer }) => layer)).toEqual(layers);
      expect(scans.map(entriesOf)).toEqual(expected);
    }
  });

  it('finds the same on oneDNN', async (context) => {
    const { engine: native } = tryCreateOneDnnEngine({ threads: 1 });
    if (native === undefined) return context.skip('oneDNN is not installed');
    const [scan] = await scanLayers(request({ engine: native, layers: ['first'], batch: 23 }));
    const expected = await bruteForce('first', native);
    expect(entriesOf(scan as LayerScan)).toEqual(expected);
    const [reference] = await scanLayers(request({ layers: ['first'] }));
    for (let unit = 0; unit < 5; unit++) {
      const [a, b] = [scan, reference].map((each) => topEntries((each as LayerScan).top, unit)[0]);
      expect(a?.value).toBeCloseTo(b?.value as number, 4);
    }
  });

  it('counts the pictures that wake a unit', async () => {
    const [scan] = (await scanLayers(request({ layers: ['second'] }))) as [LayerScan];
    const expected = await bruteForce('second');
    for (let unit = 0; unit < scan.units; unit++) {
      // Of the nine strongest, those above zero are the awake ones, unless all nine are.
      const awake = expected[unit]?.filter(({ value }) => value > 0).length as number;
      if (awake < 9) expect(scan.top.active[unit]).toBe(awake);
      else expect(scan.top.active[unit]).toBeGreaterThanOrEqual(9);
    }
  });

  it('goes on where it was stopped, to the same result', async () => {
    const expected = (await scanLayers(request())).map(entriesOf);
    const stop = new AbortController();
    const stopped = scanLayers(
      request({ folder, signal: stop.signal, onProgress: (done) => done >= 12 && stop.abort() }),
    );
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(readdirSync(folder)).toHaveLength(layers.length);
    const seen: number[] = [];
    const resumed = await scanLayers(request({ folder, onProgress: (done) => seen.push(done) }));
    expect(seen).toEqual([16, 20, 23]);
    expect(resumed.map(entriesOf)).toEqual(expected);
  });

  it('goes on from its last stored state after a crash', async () => {
    const expected = (await scanLayers(request())).map(entriesOf);
    const crashed = scanLayers(
      request({
        folder,
        saveEvery: 2,
        onProgress: (done) => {
          if (done >= 20) throw new Error('the power went');
        },
      }),
    );
    await expect(crashed).rejects.toThrow('the power went');
    const seen: number[] = [];
    const resumed = await scanLayers(request({ folder, onProgress: (done) => seen.push(done) }));
    expect(seen).toEqual([20, 23]);
    expect(resumed.map(entriesOf)).toEqual(expected);
  });

  it('is read, not made, the second time; and of other weights, made', async () => {
    const first = await scanLayers(request({ folder }));
    let batches = 0;
    const count = { folder, onProgress: () => batches++ };
    const second = await scanLayers(request(count));
    expect(batches).toBe(0);
    expect(second.map(entriesOf)).toEqual(first.map(entriesOf));
    const others = await scanLayers(request({ ...count, subject: tinySubject(2) }));
    expect(batches).toBe(6);
    expect(others.map(entriesOf)).not.toEqual(first.map(entriesOf));
  });

  it('refuses a stored scan of other weights under its name, and a damaged one', async () => {
    const [expected] = (await scanLayers(request({ layers: ['first'] }))).map(entriesOf);
    await scanLayers(request({ folder, layers: ['first'] }));
    const path = join(folder, readdirSync(folder)[0] as string);
    const stored = readFileSync(path, 'utf8');
    const damages = [
      stored.replace(/weights\\":\\"..../, 'weights\\":\\"0000'),
      stored.slice(0, stored.length / 2),
      stored.replace(/"values":\[[^,]+,/, '"values":['),
      'null',
    ];
    for (const text of damages) {
      expect(text).not.toBe(stored);
      writeFileSync(path, text);
      const notes: string[] = [];
      const [scan] = await scanLayers(
        request({ folder, layers: ['first'], onNote: (note) => notes.push(note) }),
      );
      expect(notes).toHaveLength(1);
      expect(notes[0]).toContain('Scanning anew');
      expect(entriesOf(scan as LayerScan)).toEqual(expected);
    }
  });

  it('names the nearest layers where there is none of that name', async () => {
    await expect(scanLayers(request({ layers: ['frist'] }))).rejects.toThrow(/frist.*first/);
  });
});

describe('inputPicture', () => {
  it('gives the bytes back that an input was made from, in either order of channels', async () => {
    for (const order of ['RGB', 'BGR'] as const) {
      const preprocessing = { ...subject.preprocessing, order };
      const input = await inputsOf(source, preprocessing, [5]);
      expect(inputPicture(input, preprocessing)).toEqual(dataset.pixels.slice(5 * 360, 6 * 360));
    }
  });
});

describe('dataChecksum', () => {
  it('changes with one byte of one picture', () => {
    const other = noisePictures(23);
    expect(dataChecksum(other.source, other.dataset)).toBe(data);
    other.dataset.pixels[100] = (other.dataset.pixels[100] as number) ^ 1;
    expect(dataChecksum(other.source, other.dataset)).not.toBe(data);
  });
});
