import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../../engines/onednn/index.ts';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { UserError } from '../../errors.ts';
import { writePytorch } from '../../weights/pytorch-write.ts';
import { readSafetensors, writeSafetensors } from '../../weights/safetensors.ts';
import { loadCheckpoint } from '../checkpoint/load.ts';
import type { TrainEvent, TrainOptions, TrainResult } from '../options.ts';
import { temporaryFolder, writeSyntheticIdx } from '../testing.ts';
import { train } from '../trainer.ts';
import type { TransferRequest } from './config.ts';

const oneDnn = tryCreateOneDnnEngine().engine;

let folder: string;
let four: string;
let three: string;
let weights: string;
let first: TrainResult;
beforeAll(async () => {
  folder = temporaryFolder();
  four = writeSyntheticIdx(join(folder, 'four'), { train: 30, test: 7, classes: 4 });
  three = writeSyntheticIdx(join(folder, 'three'), { train: 30, test: 7, classes: 3, seed: 8 });
  first = await train(options({ data: four }));
  weights = first.weights.last as string;
});
afterAll(() => rmSync(folder, { recursive: true }));

let runs = 0;
function options(changes: Partial<TrainOptions> = {}): TrainOptions {
  return {
    network: 'lenet',
    form: 'article',
    data: three,
    engine: createReferenceEngine(),
    dtype: 'f32',
    out: join(folder, `run-${runs++}`),
    overrides: { epochs: 2, batch: 5, lastBatch: 'keep', learningRate: 0.02 },
    validation: 6,
    workers: 0,
    ...changes,
  };
}

const transferred = (transfer: TransferRequest, changes: Partial<TrainOptions> = {}): Promise<TrainResult> =>
  train(options({ transfer, ...changes }));

function weightsOf(path: string | null): Map<string, number[]> {
  const { tensors } = readSafetensors(path as string);
  return new Map([...tensors].map(([name, { data }]) => [name, Array.from(data)]));
}

/** Every number of a checkpoint. */
function stateOf(out: string): Map<string, number[]> {
  const checkpoint = loadCheckpoint(join(out, 'checkpoints'));
  return new Map([...(checkpoint?.tensors ?? [])].map(([name, { data }]) => [name, Array.from(data)]));
}

describe('training from other weights', () => {
  it('keeps frozen weights to the bit, draws the head for the data, and keeps the preparation', async () => {
    const notes: string[] = [];
    const onEvent = (event: TrainEvent): void => {
      if (event.type === 'note') notes.push(event.message);
    };
    const { out, ...result } = await transferred({ weights, trainOnly: ['head'], classes: 3 }, { onEvent });
    const [before, after] = [weightsOf(weights), weightsOf(result.weights.last)];
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [name, values] of after) {
      if (name.startsWith('fc3.')) expect(values.length).not.toBe(before.get(name)?.length);
      else expect(values, name).toEqual(before.get(name));
    }
    expect(notes).toContain('The head fc3, which told 4 classes apart, starts afresh for 3 classes.');
    const config = (path: string): Record<string, unknown> =>
      JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
    expect(config(out).preprocessing).toEqual(config(first.out).preprocessing);
    expect(config(out).transfer).toMatchObject({
      weights: { path: weights, newHead: false, drawn: ['fc3'] },
      trainOnly: ['head'],
    });
    // A frozen weight has no momentum either.
    const momenta = [...stateOf(out).keys()].filter((name) => name.endsWith('.momentum'));
    expect(momenta).toEqual(['fc3.weight.momentum', 'fc3.bias.momentum']);
  });

  it('starts every other weight where the file left it', async () => {
    const overrides = { epochs: 1, batch: 24, learningRate: 0, weightDecay: 0 };
    const { weights: after } = await transferred({ weights }, { overrides, data: four });
    expect(weightsOf(after.last)).toEqual(weightsOf(weights));
    const drawn = await transferred({ weights, newHead: true }, { overrides, data: four });
    const afresh = weightsOf(drawn.weights.last);
    const different = [...weightsOf(weights)].filter(([name, v]) => `${v}` !== `${afresh.get(name)}`);
    expect(different.map(([name]) => name)).toEqual(['fc3.weight', 'fc3.bias']);
  });

  it('multiplies the learning rate of a group', async () => {
    const overrides = {
      epochs: 1,
      batch: 24,
      momentum: 0,
      nesterov: false,
      weightDecay: 0,
      learningRate: 0.05,
    };
    const start = weightsOf(weights);
    const change = async (transfer: TransferRequest): Promise<Map<string, number[]>> => {
      const { weights: after } = await transferred({ weights, ...transfer }, { overrides, data: four });
      return new Map(
        [...weightsOf(after.last)].map(([name, values]) => [
          name,
          values.map((value, i) => value - (start.get(name)?.[i] as number)),
        ]),
      );
    };
    const [whole, slow] = [await change({}), await change({ rates: { conv1: 0.25 } })];
    for (const [name, steps] of whole) {
      const factor = name.startsWith('conv1.') ? 0.25 : 1;
      const largest = Math.max(...steps.map(Math.abs));
      expect(largest).toBeGreaterThan(0);
      for (const [i, step] of steps.entries()) {
        expect(Math.abs((slow.get(name)?.[i] as number) - factor * step)).toBeLessThan(1e-3 * largest + 1e-7);
      }
    }
  });

  it('goes on after an interruption to the bit', async () => {
    const transfer = { weights, freeze: ['conv1'], rates: { head: 2 } };
    const straight = await transferred(transfer);
    const controller = new AbortController();
    const onEvent = (event: TrainEvent): void => {
      if (event.type === 'step' && event.step === 3) controller.abort();
    };
    const cut = options({ transfer, signal: controller.signal, onEvent });
    expect((await train(cut)).status).toBe('interrupted');
    // The folder alone is enough.
    const { transfer: _, signal: __, onEvent: ___, ...rest } = cut;
    expect((await train({ ...rest, resume: true })).status).toBe('finished');
    expect(stateOf(cut.out)).toEqual(stateOf(straight.out));
  });

  it('starts again from the same file after a stop before the first checkpoint, and from no other', async () => {
    const copy = join(folder, 'copy.safetensors');
    copyFileSync(weights, copy);
    const transfer = { weights: copy, freeze: ['conv1'] };
    const straight = await transferred(transfer);
    const { out } = await transferred(transfer);
    rmSync(join(out, 'checkpoints'), { recursive: true });
    await train(options({ out, resume: true }));
    expect(stateOf(out)).toEqual(stateOf(straight.out));
    rmSync(join(out, 'checkpoints'), { recursive: true });
    const { tensors, metadata } = readSafetensors(weights);
    const [[name, { shape, data }] = ['', { shape: [], data: new Float32Array() }]] = [...tensors];
    writeSafetensors(copy, new Map([...tensors, [name, { shape, data: data.map((x) => x + 1) }]]), metadata);
    await expect(train(options({ out, resume: true }))).rejects.toThrow(
      /copy\.safetensors is not the file that the run was started from: its weights differ/,
    );
  });

  it('refuses to go on under other settings, and names them', async () => {
    const { out } = await transferred({ weights, freeze: ['conv1'] });
    const resumed = (transfer: TransferRequest): Promise<TrainResult> =>
      train(options({ out, resume: true, transfer }));
    await expect(resumed({ freeze: ['conv2'] })).rejects.toThrow(
      /has frozen layers \["conv1"\], not \["conv2"\]/,
    );
    await expect(resumed({ rates: { head: 2 } })).rejects.toThrow(/has group rates none, not \{"head":2\}/);
    await expect(resumed({ weights: four })).rejects.toThrow(/has weights .*, not /);
    await expect(resumed({ weights, freeze: ['conv1'] })).resolves.toMatchObject({ status: 'finished' });
  });

  it.each<[string, () => TransferRequest, RegExp]>([
    [
      'another number of classes',
      () => ({ weights, classes: 7 }),
      /--classes is 7, but the data have 3 classes: /,
    ],
    ['classes without weights', () => ({ classes: 7 }), /--classes is 7/],
    ['two starts', () => ({ weights, startFrom: weights }), /Give one of them/],
    ['a head of nothing', () => ({ newHead: true }), /--new-head needs --weights/],
    ['a share of nothing', () => ({ share: { first: 1, last: 1 } }), /--start-layers needs --start-from/],
    ['both ways to freeze', () => ({ trainOnly: ['head'], freeze: ['conv1'] }), /Leave --freeze/],
    [
      'a slip',
      () => ({ weights, freeze: ['conf1'] }),
      /no layer with weights at 'conf1'\. Did you mean conv1/,
    ],
    ['no file', () => ({ weights: join(folder, 'nothing') }), /Cannot read .*nothing/],
  ])('refuses %s', async (_, transfer, message) => {
    const attempt = transferred(transfer());
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toThrow(UserError);
  });

  it('refuses weights of another network by its name', async () => {
    await expect(transferred({ weights }, { network: 'resnet20', form: 'cifar' })).rejects.toThrow(
      /holds weights of lenet, not of resnet20/,
    );
  });

  it('prepares pictures as the caller says, for weights that do not say it', async () => {
    const path = join(folder, 'theirs.pth');
    writePytorch(path, readSafetensors(weights).tensors);
    const preparationOf = async (transfer: TransferRequest): Promise<object> => {
      const { out } = await transferred(transfer, { smoke: true });
      return JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')).preprocessing;
    };
    // Small pictures are prepared as the data set has them.
    const { out } = await train(options({ smoke: true }));
    const own = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')).preprocessing;
    expect(await preparationOf({ weights: path })).toEqual(own);
    const preparation = { mean: [10], std: [20], range: 255 } as const;
    expect(await preparationOf({ weights, preparation })).toMatchObject({
      normalise: { mean: [10], std: [20] },
      range: 255,
      height: 28,
    });
    await expect(transferred({ preparation })).rejects.toThrow(/belongs to weights: give --weights/);
  });

  it('freezes without other weights', async () => {
    const overrides = { epochs: 1, batch: 24, learningRate: 0.05 };
    const { out } = await transferred({ freeze: ['conv1'] }, { overrides });
    const free = await train(options({ overrides }));
    const still = await train(options({ overrides: { ...overrides, learningRate: 0, weightDecay: 0 } }));
    const name = 'conv1.weight';
    expect(stateOf(out).get(name)).toEqual(stateOf(still.out).get(name));
    expect(stateOf(free.out).get(name)).not.toEqual(stateOf(still.out).get(name));
  });
});

describe.skipIf(oneDnn === undefined)('with batch normalisation (oneDNN)', () => {
  const own = (): Partial<TrainOptions> => ({
    network: 'resnet20',
    form: 'cifar',
    ...(oneDnn && { engine: oneDnn }),
    overrides: { epochs: 1, batch: 12, learningRate: 0.05 },
  });

  it('keeps the running statistics of frozen layers, and starts a deeper network from a shallower one', async () => {
    const shallow = await train(options({ ...own(), data: four }));
    const frozen = await transferred({ weights: shallow.out, freezeUntil: 'layer3' }, own());
    const [before, after] = [weightsOf(shallow.weights.best), weightsOf(frozen.weights.last)];
    for (const [name, values] of before) {
      if (/^(layer3|fc|linear)/.test(name)) expect(after.get(name), name).not.toEqual(values);
      else expect(after.get(name), name).toEqual(values);
    }
    const notes: string[] = [];
    const deep = await transferred(
      { startFrom: shallow.out, share: { first: 2, last: 1 } },
      {
        ...own(),
        network: 'resnet32',
        overrides: { epochs: 1, batch: 24, learningRate: 0, weightDecay: 0 },
        onEvent: (event) => event.type === 'note' && notes.push(event.message),
      },
    );
    const started = weightsOf(deep.weights.last);
    expect(notes).toContainEqual(
      expect.stringMatching(/^Copied from resnet20: conv1, .*Without a counterpart: /),
    );
    expect(started.get('conv1.weight')).toEqual(before.get('conv1.weight'));
    expect(started.get('layer2.0.conv1.weight')).not.toEqual(before.get('layer2.0.conv1.weight'));
  });
});
