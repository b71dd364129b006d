import { readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../engines/engine.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { temporaryFolder } from '../train/testing.ts';
import { type FeatureKey, openFeatureStore } from './feature-store.ts';
import { type FeaturesRequest, frozenFeatures } from './probe-features.ts';
import { dataChecksum } from './scan-key.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const reference = createReferenceEngine();
const { source, dataset } = noisePictures(14);
const data = dataChecksum(source, dataset);
const root = temporaryFolder();
afterAll(() => rmSync(root, { recursive: true }));
let folder: string;
let ran: number;
let next = 0;
beforeEach(() => {
  folder = join(root, String(next++));
  ran = 0;
});

/** Counts what it runs. */
const engine: Engine = {
  ...reference,
  compile(graph, options) {
    const program = reference.compile(graph, options);
    return {
      ...program,
      run(feeds) {
        ran++;
        return program.run(feeds);
      },
    };
  },
};

function ask(more: Partial<FeaturesRequest> = {}): FeaturesRequest {
  return {
    subject: tinySubject(),
    source,
    layers: ['first', 'fc'],
    limit: 60,
    engine,
    dtype: 'f32',
    batch: 4,
    cache: { folder, data },
    ...more,
  };
}

const files = (ending: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

describe('features that are kept', () => {
  it('are read instead of made, layer by layer', async () => {
    const made = await frozenFeatures(ask());
    expect(ran).toBe(4);
    expect(files('.json')).toHaveLength(2);
    expect(await frozenFeatures(ask())).toEqual(made);
    expect(ran).toBe(4);
    // A layer that is not there costs a pass, and those that are stay as they are.
    const [first, , second] = await frozenFeatures(ask({ layers: ['first', 'fc', 'second'] }));
    expect(ran).toBe(8);
    expect(first).toEqual(made[0]);
    expect(second?.some((value) => value !== 0)).toBe(true);
  });

  it('go on from where they were stopped', async () => {
    const whole = await frozenFeatures(ask({ cache: undefined }));
    const controller = new AbortController();
    const stopped = frozenFeatures(
      ask({
        signal: controller.signal,
        onProgress: (done) => {
          if (done === 8) controller.abort();
        },
      }),
    );
    await expect(stopped).rejects.toThrow(/abort/i);
    ran = 0;
    const seen: number[] = [];
    expect(await frozenFeatures(ask({ onProgress: (done) => seen.push(done) }))).toEqual(whole);
    expect(seen).toEqual([12, 14]);
    expect(ran).toBe(2);
  });

  it('lose no more than the rows since the last count when everything breaks', async () => {
    const broken: Engine = {
      ...reference,
      compile(graph, options) {
        const program = reference.compile(graph, options);
        return {
          ...program,
          run(feeds) {
            if (++ran === 4) throw new Error('it broke');
            return program.run(feeds);
          },
        };
      },
    };
    await expect(frozenFeatures(ask({ engine: broken, saveEvery: 2 }))).rejects.toThrow('it broke');
    const seen: number[] = [];
    const found = await frozenFeatures(ask({ onProgress: (done) => seen.push(done) }));
    expect(seen).toEqual([12, 14]);
    expect(found).toEqual(await frozenFeatures(ask({ cache: undefined })));
  });

  it('are of these weights, pictures and rows alone', async () => {
    await frozenFeatures(ask());
    for (const more of [
      { subject: tinySubject(2) },
      { cache: { folder, data: 'of other pictures' } },
      { limit: 30, layers: ['first'] },
    ]) {
      ran = 0;
      const kept = await frozenFeatures(ask(more));
      expect(ran).toBe(4);
      expect(kept).toEqual(await frozenFeatures(ask({ ...more, cache: undefined })));
    }
  });

  it('are refused by name where the file is of other weights, cut off or damaged', async () => {
    const notes: string[] = [];
    const onNote = (note: string): void => {
      notes.push(note);
    };
    const layers = ['fc'];
    const whole = await frozenFeatures(ask({ layers }));
    const [json = ''] = files('.json');
    const [rows = ''] = files('.f32');

    const bytes = readFileSync(rows);
    bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5);
    writeFileSync(rows, bytes);
    expect(await frozenFeatures(ask({ layers, onNote }))).toEqual(whole);
    truncateSync(rows, 20);
    expect(await frozenFeatures(ask({ layers, onNote }))).toEqual(whole);
    rmSync(rows);
    expect(await frozenFeatures(ask({ layers, onNote }))).toEqual(whole);

    // Those of other weights under the name of these.
    rmSync(folder, { recursive: true });
    await frozenFeatures(ask({ layers, subject: tinySubject(2) }));
    renameSync(files('.json')[0] as string, json);
    renameSync(files('.f32')[0] as string, rows);
    expect(await frozenFeatures(ask({ layers, onNote }))).toEqual(whole);
    expect(notes).toEqual([
      `The stored features ${json} are not used, because they are damaged.`,
      `The stored features ${json} are not used, because they are cut off.`,
      expect.stringMatching(/are not used, because ENOENT/),
      `The stored features ${json} are not used, because they are of other weights, pictures or another layer.`,
    ]);
  });

  it('say where they cannot be kept', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    const key: FeatureKey = {
      network: 'tiny',
      form: 'cifar',
      options: tinyNetwork(1).options,
      weights: 'w',
      data,
      dtype: 'f32',
      layer: 'fc',
      preprocessing: tinySubject().preprocessing,
      row: [3, 1, 1],
    };
    expect(() => openFeatureStore(join(file, 'x'), key, new Float32Array(3))).toThrow(/^Cannot write to/);
  });
});
