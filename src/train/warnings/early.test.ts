import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import type { TrainEvent } from '../options.ts';
import { batchesOf, rehearse } from '../rehearse/rehearsal.ts';
import type { Setup } from '../setup.ts';
import { temporaryFolder, writeSyntheticIdx } from '../testing.ts';
import { train } from '../trainer.ts';
import { lookEarly } from './early.ts';

let folder: string;
let shapes: string;
let notes: string[];
let setup: Setup;
beforeAll(async () => {
  folder = temporaryFolder();
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 40, test: 4, classes: 4 });
  setup = await rehearse(options());
});
afterAll(async () => {
  await setup.close();
  rmSync(folder, { recursive: true });
});

function options() {
  return {
    network: 'lenet',
    form: 'article',
    data: shapes,
    engine: createReferenceEngine(),
    dtype: 'f32',
    overrides: { epochs: 2, batch: 16, learningRate: 0.02 },
    validation: 0,
    workers: 0,
    onEvent: (event: TrainEvent) => event.type === 'note' && notes.push(event.message),
  } as const;
}

async function firstBatch() {
  const batches = batchesOf(setup.trainLoader);
  const { value } = await batches.next();
  await batches.return(undefined as never);
  return value;
}

function look(batch: Parameters<typeof lookEarly>[2], position = setup.position): string[] {
  notes = [];
  expect(lookEarly(setup, position, batch, 0.02)).toBe(true);
  return notes;
}

describe('lookEarly', () => {
  it('finds nothing wrong with a sound training', async () => {
    expect(look(await firstBatch())).toEqual([]);
  });

  it('notices pictures that were not normalised', async () => {
    const batch = await firstBatch();
    const raw = batch.images.map((value) => 128 + 64 * value);
    expect(look({ ...batch, images: raw })).toContainEqual(
      expect.stringMatching(/not normalised: channel 1 has mean/),
    );
  });

  it('notices weights that start far too large, and units that cannot wake', async () => {
    const batch = await firstBatch();
    const { programs } = setup;
    const before = new Map([...programs.tensors('weights'), ...programs.tensors('optimizer')]);
    const changed = (change: (name: string, values: Float32Array) => Float32Array) =>
      programs.restore(
        new Map([...before].map(([name, { data }]) => [name, change(name, data as Float32Array)])),
      );
    changed((name, values) => (name.endsWith('.weight') ? values.map((value) => 50 * value) : values));
    const huge = look(batch);
    expect(huge).toContainEqual(expect.stringMatching(/loss at the start is \d{3}/));
    expect(huge).toContainEqual(expect.stringMatching(/gradients explode/));
    changed((name, values) => (name.endsWith('.bias') ? values.map(() => -100) : values));
    expect(look(batch)).toContainEqual(expect.stringMatching(/dead ReLUs in \d of \d layers/));
    expect(look(batch, { ...setup.position, epoch: 1, step: 2 })).toEqual([
      expect.stringMatching(/dead ReLUs after epoch 1/),
    ]);
    changed((name, values) => (name.endsWith('.weight') ? values.map((value) => 1e-4 * value) : values));
    expect(look(batch)).toContainEqual(expect.stringMatching(/gradients vanish/));
    changed((_, values) => values);
  });

  it('looks at no other moment', async () => {
    const batch = await firstBatch();
    expect(lookEarly(setup, { ...setup.position, step: 1, stepInEpoch: 1 }, batch, 0.02)).toBe(false);
    expect(lookEarly(setup, { ...setup.position, epoch: 2, step: 4 }, batch, 0.02)).toBe(false);
  });

  it('tells a training once, as notes, unless it is told not to', async () => {
    const blank = writeSyntheticIdx(join(folder, 'blank'), { train: 32, test: 4, classes: 4 });
    const path = join(blank, 'train-images-idx3-ubyte');
    writeFileSync(path, readFileSync(path).fill(7, 16));
    const told = async (warnings: boolean): Promise<string[]> => {
      notes = [];
      await train({ ...options(), data: blank, out: join(folder, `blank-${warnings}`), warnings });
      return notes.filter((note) => note.includes('not normalised'));
    };
    expect(await told(true)).toEqual([expect.stringMatching(/channel 1 has mean 0, deviation 0 \(/)]);
    expect(await told(false)).toEqual([]);
  });

  it('changes no bit of the training', async () => {
    notes = [];
    const run = async (out: string, warnings: boolean) => {
      await train({ ...options(), out: join(folder, out), warnings });
      return readWeights(join(folder, out));
    };
    expect(await run('with', true)).toEqual(await run('without', false));
    expect(notes.filter((note) => note.startsWith('Warning'))).toEqual([]);
  });
});

async function readWeights(out: string): Promise<string[]> {
  const { readSafetensors } = await import('../../weights/safetensors.ts');
  expect(readdirSync(out)).toContain('summary.json');
  const { tensors } = readSafetensors(join(out, 'checkpoints', 'last.safetensors'));
  return [...tensors].map(([name, { data }]) => `${name} ${[...data].join(' ')}`);
}
