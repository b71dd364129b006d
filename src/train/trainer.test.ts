import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { UserError } from '../errors.ts';
import { decodeModelInfo } from '../evaluate/preprocessing.ts';
import { readMetrics } from '../run/metrics.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { loadCheckpoint } from './checkpoint/load.ts';
import type { TrainEvent, TrainOptions, TrainResult } from './options.ts';
import { temporaryFolder, writeSyntheticIdx } from './testing.ts';
import { train } from './trainer.ts';

const oneDnn = tryCreateOneDnnEngine();

let folder: string;
let shapes: string;
beforeAll(() => {
  folder = temporaryFolder();
  // 30 pictures: 24 to train on after 6 for validation; batches of 5 leave a last one of 4.
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 30, test: 7, classes: 4 });
});
afterAll(() => rmSync(folder, { recursive: true }));

let runs = 0;
function options(changes: Partial<TrainOptions> = {}): TrainOptions {
  return {
    network: 'lenet',
    form: 'article',
    data: shapes,
    engine: createReferenceEngine(),
    dtype: 'f32',
    out: join(folder, `run-${runs++}`),
    overrides: { epochs: 2, batch: 5, lastBatch: 'keep', learningRate: 0.02 },
    validation: 6,
    workers: 0,
    logEvery: 2,
    ...changes,
  };
}

function bytesOf(out: string): string[] {
  const checkpoint = loadCheckpoint(join(out, 'checkpoints'));
  return [...(checkpoint?.tensors ?? [])].map(
    ([name, { data }]) =>
      `${name} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`,
  );
}

/** What must not depend on how often a run was interrupted. */
function numbersOf(out: string): object[] {
  const records = readMetrics<Record<string, unknown>>(join(out, 'metrics.jsonl'));
  return records.map(({ imagesPerSecond, seconds, ...numbers }) => numbers);
}

describe('train', () => {
  let straight: TrainResult;
  const events: TrainEvent[] = [];
  beforeAll(async () => {
    straight = await train(options({ onEvent: (event) => events.push(event) }));
  });

  it('gives errors in percent and says how they came about', () => {
    expect(straight).toMatchObject({
      status: 'finished',
      network: 'lenet',
      form: 'article',
      dataset: 'shapes',
      recipe: 'lenet',
      epochs: 2,
      protocol: { dtype: 'f32', seed: 1, batch: 5, pictures: { train: 24, validation: 6, test: 7 } },
    });
    for (const error of [straight.trainTop1Error, straight.validationTop1Error, straight.testTop1Error]) {
      expect(error).toBeGreaterThanOrEqual(0);
      expect(error).toBeLessThanOrEqual(100);
    }
    // Seven pictures: the error is a whole number of sevenths.
    expect(((straight.testTop1Error as number) * 7) / 100).toBeCloseTo(
      Math.round(((straight.testTop1Error as number) * 7) / 100),
      9,
    );
    expect(straight.testTop5Error).toBe(0);
    expect(JSON.parse(readFileSync(join(straight.out, 'summary.json'), 'utf8'))).toEqual(straight);
  });

  it('leaves the run folder that another program can read', async () => {
    const { out } = straight;
    expect(readdirSync(out).sort()).toEqual([
      'checkpoints',
      'config.json',
      'figures',
      'metrics.jsonl',
      'summary.json',
      'tensorboard',
    ]);
    const figures = ['confusion.png', 'error.png', 'loss.png', 'predictions.png'];
    expect(readdirSync(join(out, 'figures')).sort()).toEqual(figures);
    for (const figure of figures) {
      expect((await sharp(join(out, 'figures', figure)).metadata()).width).toBeGreaterThan(100);
    }
    expect(readdirSync(join(out, 'tensorboard'))).toHaveLength(1);
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(config).toMatchObject({
      network: 'lenet',
      seed: 1,
      dtype: 'f32',
      recipe: { name: 'lenet', batch: 5 },
    });
    const epochs = readMetrics<{ kind: string; step: number }>(join(out, 'metrics.jsonl'));
    expect(epochs.filter(({ kind }) => kind === 'epoch').map(({ step }) => step)).toEqual([5, 10]);
    expect(epochs.filter(({ kind }) => kind === 'step').map(({ step }) => step)).toEqual([2, 4, 6, 8, 10]);
  });

  it('leaves weights that say what they are', () => {
    const file = readSafetensors(straight.weights.last as string);
    expect(decodeModelInfo(file.metadata)).toMatchObject({
      network: 'lenet',
      form: 'article',
      dataset: 'shapes',
      classes: ['0', '1', '2', '3'],
      preprocessing: { channels: 1, height: 28, width: 28, pad: 0 },
    });
    expect([...file.tensors.keys()]).not.toContain('conv1.weight.momentum');
    expect(bytesOf(straight.out).some((line) => line.startsWith('conv1.weight.momentum '))).toBe(true);
  });

  it('tells a listener of every step and epoch', () => {
    const count = (type: TrainEvent['type']) => events.filter((event) => event.type === type).length;
    expect([count('start'), count('epochStart'), count('step'), count('epochEnd'), count('end')]).toEqual([
      1, 2, 10, 2, 1,
    ]);
    expect(events.find((event) => event.type === 'start')).toMatchObject({
      stepsPerEpoch: 5,
      parameters: 43916,
    });
  });

  it('is the same again from the same seed, and another from another', async () => {
    const again = await train(options());
    expect(bytesOf(again.out)).toEqual(bytesOf(straight.out));
    expect(numbersOf(again.out)).toEqual(numbersOf(straight.out));
    const other = await train(options({ seed: 2, overrides: { ...options().overrides, epochs: 1 } }));
    expect(numbersOf(other.out)[0]).not.toEqual(numbersOf(straight.out)[0]);
  });

  it('saves and stops on a signal in the middle of an epoch, and goes on to the bit', async () => {
    const controller = new AbortController();
    const first = options({
      signal: controller.signal,
      onEvent: (event) =>
        event.type === 'step' && event.epoch === 2 && event.step === 3 && controller.abort(),
    });
    const interrupted = await train(first);
    expect(interrupted).toMatchObject({ status: 'interrupted', epochs: 1, testTop1Error: null });
    expect(loadCheckpoint(join(first.out, 'checkpoints'))?.meta.position).toMatchObject({
      epoch: 1,
      stepInEpoch: 3,
      step: 8,
    });
    // Network and folder are enough: everything else stands in the folder.
    const { network, out, engine } = first;
    const resumed = await train({ network, out, engine, resume: true, workers: 0 });
    expect(resumed).toMatchObject({
      status: 'finished',
      testTop1Error: straight.testTop1Error,
      testLoss: straight.testLoss,
      best: straight.best,
    });
    expect(bytesOf(out)).toEqual(bytesOf(straight.out));
    expect(numbersOf(out)).toEqual(numbersOf(straight.out));
    expect(readdirSync(join(out, 'tensorboard'))).toHaveLength(2);
  });

  it('goes on with a validation that a signal cut off', async () => {
    const controller = new AbortController();
    const first = options({
      signal: controller.signal,
      onEvent: (event) => event.type === 'evaluate' && controller.abort(),
    });
    // Validation has two batches; the signal comes after the first.
    expect((await train(first)).status).toBe('interrupted');
    const position = loadCheckpoint(join(first.out, 'checkpoints'))?.meta.position;
    expect(position).toMatchObject({ epoch: 0, stepInEpoch: 5, step: 5 });
    await train({ ...first, resume: true, signal: undefined, onEvent: undefined });
    expect(bytesOf(first.out)).toEqual(bytesOf(straight.out));
    expect(numbersOf(first.out)).toEqual(numbersOf(straight.out));
  });

  it('goes on to the bit after kill -9 in the middle of an epoch', async () => {
    const { engine, ...plain } = options({ checkpointEvery: 2 });
    await killedAfterCheckpoint(plain, 6);
    const position = loadCheckpoint(join(plain.out, 'checkpoints'))?.meta.position;
    expect(position?.step).toBeGreaterThanOrEqual(6);
    expect(position?.step).toBeLessThan(10);
    await train({ ...plain, engine, resume: true });
    expect(bytesOf(plain.out)).toEqual(bytesOf(straight.out));
    expect(numbersOf(plain.out)).toEqual(numbersOf(straight.out));
  }, 20_000);

  it.skipIf(oneDnn.engine === undefined)(
    `goes on to the bit after kill -9 on oneDNN${oneDnn.reason ? ` (skipped: ${oneDnn.reason})` : ''}`,
    async () => {
      const native = { ...options({ checkpointEvery: 2 }), engine: 'onednn' } as const;
      const whole = { ...native, out: `${native.out}-straight` };
      await train(whole);
      const { engine, ...plain } = native;
      await killedAfterCheckpoint(plain, 6, engine);
      await train({ ...native, resume: true });
      expect(bytesOf(native.out)).toEqual(bytesOf(whole.out));
    },
    20_000,
  );

  it('starts again when it was killed before the first checkpoint', async () => {
    const first = options();
    await train({ ...first, overrides: { ...first.overrides } });
    rmSync(join(first.out, 'checkpoints'), { recursive: true });
    await train({ ...first, resume: true });
    expect(numbersOf(first.out)).toEqual(numbersOf(straight.out));
  });

  it('does not train again what is finished', async () => {
    const seen: string[] = [];
    const result = await train({
      ...options({ out: straight.out }),
      resume: true,
      onEvent: (e) => seen.push(e.type),
    });
    expect(seen).not.toContain('step');
    expect(result).toMatchObject({ status: 'finished', testLoss: straight.testLoss, imagesPerSecond: null });
  });
});

/** Trains in a process of its own, which is killed when the checkpoint of `step` is there. */
async function killedAfterCheckpoint(
  given: Omit<TrainOptions, 'engine'>,
  step: number,
  engine: 'reference' | 'onednn' = 'reference',
): Promise<void> {
  const url = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href);
  const code = `
    import { train } from ${url('trainer.ts')};
    const options = ${JSON.stringify(given)};
    const onEvent = (event) => {
      if (event.type === 'checkpoint' && event.step >= ${step}) process.kill(process.pid, 'SIGKILL');
    };
    await train({ ...options, engine: '${engine}', onEvent });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
  const signal = await new Promise((resolve) => child.on('exit', (_, killedBy) => resolve(killedBy)));
  expect(signal).toBe('SIGKILL');
}

describe('a resumption is refused', () => {
  let out: string;
  beforeAll(async () => {
    const first = options({ overrides: { ...options().overrides, epochs: 1, schedule: 'constant' } });
    ({ out } = await train(first));
  });

  const refused = (changes: Partial<TrainOptions>) => {
    const { network, engine } = options();
    return train({ network, engine, out, resume: true, workers: 0, ...changes });
  };

  it.each([
    [{ network: 'resnet18' }, /it has network lenet, not resnet18/],
    [{ form: 'imagenet' as const }, /it has form article, not imagenet/],
    [{ seed: 2 }, /it has seed 1, not 2/],
    [{ recipe: 'fast' }, /it has recipe lenet, not fast/],
    [{ overrides: { batch: 6, momentum: 0.5 } }, /it has batch 5, not 6; optimizer.momentum 0.9, not 0.5/],
    [{ validation: 0 }, /it has validation 6, not 0/],
  ])('with %j', async (changes, message) => {
    await expect(refused(changes)).rejects.toThrow(message);
  });

  it('on other data', async () => {
    const three = writeSyntheticIdx(join(folder, 'three'), { train: 30, test: 7, classes: 3 });
    await expect(refused({ data: three })).rejects.toThrow(/it has data shapes, not three; 4 classes, not 3/);
    const changed = writeSyntheticIdx(join(folder, 'changed', 'shapes'), { train: 30, test: 7, seed: 8 });
    await expect(refused({ data: changed })).rejects.toThrow(
      /other pictures or labels under the name shapes/,
    );
  });

  it('where there is no run', async () => {
    await expect(refused({ out: join(folder, 'empty') })).rejects.toThrow(/empty holds no run to go on with/);
  });

  it('but not to more epochs, where the schedule allows it', async () => {
    const result = await refused({ overrides: { epochs: 2 } });
    expect(result.epochs).toBe(2);
    const cycle = options({ overrides: { ...options().overrides, epochs: 1 } });
    await train(cycle);
    await expect(refused({ out: cycle.out, overrides: { epochs: 2 } })).rejects.toThrow(/epochs 1, not 2/);
  });
});

describe('a training is refused', () => {
  it('where a run is already', async () => {
    const first = options({ overrides: { ...options().overrides, epochs: 1 } });
    await train(first);
    await expect(train(first)).rejects.toThrow(
      /holds a run already. Add --resume .* or choose another folder/,
    );
  });

  it('with a batch larger than the data, before any work', async () => {
    const large = options({ overrides: { batch: 25 } });
    await expect(train(large)).rejects.toThrow(
      /batch of 25 is larger than the 24 training pictures of shapes/,
    );
    expect(existsSync(join(large.out, 'config.json'))).toBe(false);
  });

  it.skipIf(process.getuid?.() === 0)('in a folder that cannot be written', async () => {
    const locked = join(folder, 'locked');
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    await expect(train(options({ out: join(locked, 'run') }))).rejects.toThrow(
      /Cannot write to .*permission denied/,
    );
  });

  it('below a file', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const given = options({ out: join(file, 'run'), data: 'no-such-data' });
    await expect(train(given)).rejects.toThrow(/Cannot write to .*a part of the path is a file/);
  });

  it('without data, and with settings that make no sense', async () => {
    await expect(train(options({ data: undefined }))).rejects.toThrow(/No data to train on/);
    await expect(train(options({ checkpointEvery: 0 }))).rejects.toThrow(/--checkpoint-every is 0/);
    await expect(train(options({ seed: -1 }))).rejects.toThrow(/seed is -1/);
    await expect(train(options({ network: 'lenett' }))).rejects.toThrow(/no network named 'lenett'.*lenet/);
  });
});

describe('a training that goes wrong', () => {
  it('stops with a sentence and leaves the last good checkpoint', async () => {
    const first = options({ overrides: { ...options().overrides, epochs: 3, schedule: 'constant' } });
    const failing = { ...first, engine: losing(createReferenceEngine(), 7) };
    await expect(train(failing)).rejects.toThrow(
      /The loss is not a number \(NaN\) \(epoch 2, step 8, learning rate 0.02\). The last good checkpoint, after step 5/,
    );
    expect(loadCheckpoint(join(first.out, 'checkpoints'))?.meta.position.step).toBe(5);
    expect(JSON.parse(readFileSync(join(first.out, 'summary.json'), 'utf8'))).toMatchObject({
      status: 'diverged',
      lastCheckpointStep: 5,
    });
    // From there it can go on.
    expect((await train({ ...first, resume: true })).status).toBe('finished');
  });

  it('never saves weights that are not finite', async () => {
    const wild = options({ overrides: { ...options().overrides, learningRate: 1e30, schedule: 'constant' } });
    await expect(train(wild)).rejects.toThrow(/Try a lower learning rate/);
    expect(existsSync(join(wild.out, 'checkpoints', 'last.json'))).toBe(false);
  });

  it('keeps the previous checkpoint when the disk is full', async () => {
    let files = 0;
    const first = options({
      checkpointEvery: 2,
      writeTensors: (...given) => {
        if (++files > 4) throw new UserError(`Cannot write ${given[0]}: the disk is full.`);
        writeSafetensors(...given);
      },
    });
    await expect(train(first)).rejects.toThrow(/the disk is full/);
    expect(loadCheckpoint(join(first.out, 'checkpoints'))?.meta.position.step).toBe(4);
    const whole = await train(options({ checkpointEvery: 2 }));
    await train({ ...first, writeTensors: undefined, resume: true });
    expect(bytesOf(first.out)).toEqual(bytesOf(whole.out));
  });
});

/** An engine whose programs give NaN as the loss of training from step `from` (counted from 0) on. */
function losing(engine: Engine, from: number): Engine {
  let steps = 0;
  return {
    ...engine,
    compile(graph, given) {
      const program = engine.compile(graph, given);
      if (graph.updates.size === 0) return program;
      return {
        ...program,
        run(feeds) {
          const outputs = program.run(feeds);
          return steps++ < from ? outputs : { ...outputs, loss: Float32Array.of(Number.NaN) };
        },
      };
    },
  };
}

describe('other ways to train', () => {
  it('a smoke run goes through everything in a few batches', async () => {
    const large = writeSyntheticIdx(join(folder, 'large'), { train: 200, test: 50 });
    const result = await train(
      options({ data: large, smoke: true, overrides: { batch: 8, lastBatch: 'keep' }, validation: 0.1 }),
    );
    // 180 pictures in batches of 8 end with one of 4: two full ones and that one are kept.
    expect(result).toMatchObject({
      epochs: 1,
      protocol: { pictures: { train: 20, validation: 9, test: 9 } },
    });
    expect(existsSync(join(result.out, 'figures', 'predictions.png'))).toBe(true);
  });

  it('without validation pictures nothing is called best', async () => {
    const overrides = { ...options().overrides, epochs: 1, batch: 10, lastBatch: 'drop' } as const;
    const result = await train(options({ validation: 0, overrides }));
    expect(result).toMatchObject({ best: null, validationTop1Error: null, weights: { best: null } });
    expect(result.protocol.pictures).toEqual({ train: 30, validation: 0, test: 7 });
    expect(result.testTop1Error).not.toBeNull();
  });

  it('28x28 pictures are padded for the 32x32 form, and a folder without splits is divided', async () => {
    const root = join(folder, 'colours');
    for (const [name, background] of [
      ['blue', '#1030d0'],
      ['red', '#d03010'],
    ] as const) {
      mkdirSync(join(root, name), { recursive: true });
      for (let i = 0; i < 10; i++) {
        const create = { width: 20 + i, height: 24, channels: 3, background } as const;
        await sharp({ create })
          .png()
          .toFile(join(root, name, `${i}.png`));
      }
    }
    const overrides = { epochs: 1, batch: 8 };
    const result = await train(options({ form: 'imagenet', data: root, overrides, validation: 0.2 }));
    expect(result.protocol.pictures).toEqual({ train: 14, validation: 4, test: 2 });
    const padded = await train(options({ form: 'imagenet', overrides, validation: 0.2 }));
    const info = decodeModelInfo(readSafetensors(padded.weights.last as string).metadata);
    expect(info?.preprocessing).toMatchObject({ height: 28, pad: 2 });
  });
});
