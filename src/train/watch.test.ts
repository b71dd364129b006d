import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { makeEvolution } from '../explain/evolution-open.ts';
import type { TrainEvent, TrainOptions } from './options.ts';
import { temporaryFolder, writeSyntheticIdx } from './testing.ts';
import { train } from './trainer.ts';

let folder: string;
let shapes: string;
beforeAll(() => {
  folder = temporaryFolder();
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 20, test: 5, classes: 4 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const engine = createReferenceEngine();

function options(out: string, more: Partial<TrainOptions> = {}): TrainOptions {
  return {
    network: 'lenet',
    form: 'article',
    data: shapes,
    engine,
    dtype: 'f32',
    out: join(folder, out),
    overrides: { epochs: 3, batch: 8, learningRate: 0.02 },
    validation: 4,
    workers: 0,
    watch: { layers: ['conv1'], epochs: [2, 0, 7] },
    ...more,
  };
}

function snapshots(out: string): [string, string][] {
  const place = join(folder, out, 'evolution');
  return readdirSync(place)
    .filter((name) => name.endsWith('.safetensors'))
    .sort()
    .map((name) => [name, readFileSync(join(place, name)).toString('base64')]);
}

describe('a watched training', () => {
  beforeAll(async () => {
    await train(options('straight'));
  }, 60_000);

  it('keeps the epochs asked for and the last, and draws them', () => {
    expect(snapshots('straight').map(([name]) => name)).toEqual([
      'epoch-0.safetensors',
      'epoch-2.safetensors',
      'epoch-3.safetensors',
    ]);
    const record = JSON.parse(
      readFileSync(join(folder, 'straight', 'evolution', 'evolution-conv1.json'), 'utf8'),
    );
    expect(record.stages.map(({ epoch }: { epoch: number }) => epoch)).toEqual([0, 2, 3]);
    // All training pictures are looked at, those held out too.
    expect(record.pictures).toBe(20);
    for (const path of [record.figure, record.animation, record.projections]) {
      expect(existsSync(path)).toBe(true);
    }
  });

  it('is the same training as one that nobody watches', async () => {
    const { watch: _, ...unwatched } = options('unwatched');
    await train(unwatched);
    expect(existsSync(join(folder, 'unwatched', 'evolution'))).toBe(false);
    const last = (out: string) =>
      readFileSync(join(folder, out, 'checkpoints', 'last.safetensors')).toString('base64');
    expect(last('unwatched')).toBe(last('straight'));
  });

  it('goes on watching when it is taken up again, to the bit', async () => {
    const stop = new AbortController();
    const onEvent = (event: TrainEvent): void => {
      if (event.type === 'step' && event.epoch === 2) stop.abort();
    };
    const first = await train(options('halves', { signal: stop.signal, onEvent }));
    expect(first.status).toBe('interrupted');
    expect(existsSync(join(folder, 'halves', 'evolution', 'evolution-conv1.png'))).toBe(false);
    const { watch: _, ...again } = options('halves', { resume: true });
    expect((await train(again)).status).toBe('finished');
    expect(snapshots('halves')).toEqual(snapshots('straight'));
    expect(existsSync(join(folder, 'halves', 'evolution', 'evolution-conv1.png'))).toBe(true);
  });

  it('can be looked at afterwards, with the same result', async () => {
    const result = await makeEvolution({
      network: 'lenet',
      weights: [join(folder, 'straight')],
      engine,
      dtype: 'f32',
      out: join(folder, 'afterwards'),
    });
    expect(result.stages.map(({ name }) => name)).toEqual(['epoch 0', 'epoch 2', 'epoch 3']);
    const [record] = result.layers;
    const before = JSON.parse(
      readFileSync(join(folder, 'straight', 'evolution', 'evolution-conv1.json'), 'utf8'),
    );
    expect(record?.maps).toEqual(before.maps);
  });

  it('is a finished training even if it is stopped while it draws', async () => {
    const stop = new AbortController();
    const notes: string[] = [];
    const onEvent = (event: TrainEvent): void => {
      if (event.type === 'watch') stop.abort();
      if (event.type === 'note') notes.push(event.message);
    };
    const result = await train(options('stopped', { signal: stop.signal, onEvent }));
    expect(result).toMatchObject({ status: 'finished', epochs: 3 });
    expect(notes.at(-1)).toMatch(
      /^The evolution is not drawn\. It can be made with: laurel viz evolution lenet --runs /,
    );
    expect(existsSync(join(folder, 'stopped', 'evolution', 'evolution-conv1.png'))).toBe(false);
    expect(existsSync(join(folder, 'stopped', 'summary.json'))).toBe(true);
  });

  it('refuses a layer that is not there before anything is computed', async () => {
    const bad = options('bad', { watch: { layers: ['conv9'] } });
    await expect(train(bad)).rejects.toThrow("has no layer 'conv9'. Did you mean conv1");
    expect(existsSync(join(folder, 'bad', 'config.json'))).toBe(false);
  });
});
