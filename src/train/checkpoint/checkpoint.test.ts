import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.ts';
import { readSafetensors, writeSafetensors } from '../../weights/safetensors.ts';
import { loadCheckpoint, takeUpCheckpoint } from './load.ts';
import {
  type CheckpointContent,
  checkpointWeights,
  readMeta,
  saveCheckpoint,
  type TensorWriter,
} from './save.ts';

/** Flushing a disk takes long, and proves nothing here. */
const quick = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(quick, 'laurel-checkpoint-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function content(step: number): CheckpointContent {
  const tensor = (value: number) => ({ shape: [2, 3], data: new Float32Array(6).fill(value) });
  return {
    position: {
      epoch: 1,
      stepInEpoch: 2,
      step,
      sums: { pictures: 8, loss: 0.1 + 0.2, top1: 3, top5: 7 },
      seconds: 1.5,
      best: null,
    },
    seed: 5,
    weights: new Map([['fc.weight', tensor(step)]]),
    optimizer: new Map([['fc.weight.momentum', tensor(-step)]]),
    metadata: { network: 'lenet' },
  };
}

/** Fails as a full disk does, at the second file. */
function fullDisk(): TensorWriter {
  let files = 0;
  return (...given) => {
    files++;
    if (files === 2) {
      writeFileSync(`${given[0]}.1.part`, 'half');
      throw new UserError(`Cannot write ${given[0]}: the disk is full.`);
    }
    writeSafetensors(...given);
  };
}

describe('checkpoints', () => {
  it('come back exactly', () => {
    saveCheckpoint(folder, content(7));
    const found = loadCheckpoint(folder);
    expect(found?.meta.position).toEqual(content(7).position);
    expect(found?.meta.seed).toBe(5);
    expect([...(found?.tensors.keys() ?? [])]).toEqual(['fc.weight', 'fc.weight.momentum']);
    expect(found?.tensors.get('fc.weight.momentum')?.data).toEqual(new Float32Array(6).fill(-7));
  });

  it('are absent before the first', () => {
    expect(loadCheckpoint(folder)).toBeUndefined();
    expect(checkpointWeights(folder, 'best')).toBeUndefined();
  });

  it('leave the files of the last, the one before and the best only, with second names for the weights', () => {
    saveCheckpoint(folder, content(1));
    saveCheckpoint(folder, content(2), { alsoBest: true });
    saveCheckpoint(folder, content(3));
    saveCheckpoint(folder, content(4));
    expect(readdirSync(folder).sort()).toEqual([
      'best.json',
      'best.safetensors',
      'last.json',
      'last.safetensors',
      'previous.json',
      'step-00000002.weights.safetensors',
      'step-00000003.optimizer.safetensors',
      'step-00000003.weights.safetensors',
      'step-00000004.optimizer.safetensors',
      'step-00000004.weights.safetensors',
    ]);
    const value = (name: string) => readSafetensors(join(folder, name)).tensors.get('fc.weight')?.data[0];
    expect(value('best.safetensors')).toBe(2);
    expect(value('last.safetensors')).toBe(4);
    expect(readSafetensors(join(folder, 'last.safetensors')).metadata).toEqual({ network: 'lenet' });
    expect(readMeta(folder, 'best')?.position.step).toBe(2);
    expect(checkpointWeights(folder, 'best')).toBe(join(folder, 'step-00000002.weights.safetensors'));
  });

  it('keep the previous one whole when the disk is full', () => {
    saveCheckpoint(folder, content(1), { alsoBest: true });
    const before = readdirSync(folder).map((file) => [
      file,
      readFileSync(join(folder, file)).toString('hex'),
    ]);
    expect(() => saveCheckpoint(folder, content(2), { alsoBest: true, write: fullDisk() })).toThrow(
      /disk is full/,
    );
    const after = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file)).toString('hex')]);
    expect(after).toEqual(before);
    expect(loadCheckpoint(folder)?.tensors.get('fc.weight')?.data[0]).toBe(1);
  });

  it('are not believed when a file was cut off, changed or lost', () => {
    saveCheckpoint(folder, content(1));
    const file = join(folder, readMeta(folder, 'last')?.optimizer?.file as string);
    const whole = readFileSync(file);
    const changed = Buffer.from(whole);
    changed[changed.length - 1] = 1;
    writeFileSync(file, changed);
    expect(() => loadCheckpoint(folder)).toThrow(/optimizer.safetensors is damaged: its checksum differs/);
    truncateSync(file, 40);
    expect(() => loadCheckpoint(folder)).toThrow(/has 40 bytes, expected \d+/);
    rmSync(file);
    expect(() => loadCheckpoint(folder)).toThrow(/is missing/);
    expect(() => loadCheckpoint(folder)).toThrow(
      /is missing, and there is no checkpoint before it: the run cannot go on/,
    );
    writeFileSync(join(folder, 'last.json'), '{}');
    expect(() => loadCheckpoint(folder)).toThrow(/last.json is not a checkpoint of this version/);
    writeFileSync(join(folder, 'last.json'), '{');
    expect(() => loadCheckpoint(folder)).toThrow(/last.json is damaged: it is not JSON/);
  });

  it('do not share their second names with the files of another step', () => {
    saveCheckpoint(folder, content(1));
    const kept = join(folder, 'kept.safetensors');
    writeFileSync(kept, readFileSync(join(folder, 'last.safetensors')));
    saveCheckpoint(folder, content(2));
    saveCheckpoint(folder, content(3));
    expect(readSafetensors(kept).tensors.get('fc.weight')?.data[0]).toBe(1);
    expect(existsSync(join(folder, 'step-00000001.weights.safetensors'))).toBe(false);
  });
});

/** The state that a training goes on from: its step, a weight, and what was said. */
function takeUp(keep?: number) {
  const notes: string[] = [];
  const found = takeUpCheckpoint(folder, { keep, onNote: (message) => notes.push(message) });
  return {
    step: found?.meta.position.step,
    weight: found?.tensors.get('fc.weight')?.data[0],
    momentum: found?.tensors.get('fc.weight.momentum')?.data[0],
    best: found?.meta.best?.position.step,
    notes,
  };
}

const stored = (name: 'last' | 'previous', kind: 'weights' | 'optimizer') =>
  join(folder, readMeta(folder, name)?.[kind]?.file as string);

function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] as number) ^ 1;
  writeFileSync(path, bytes);
}

describe('a damaged last checkpoint', () => {
  beforeEach(() => {
    saveCheckpoint(folder, content(10), { alsoBest: true });
    saveCheckpoint(folder, content(20));
    saveCheckpoint(folder, content(30), { alsoBest: true });
  });

  it.each<[string, () => void, RegExp]>([
    [
      'weights cut off',
      () => truncateSync(stored('last', 'weights'), 99),
      /30.weights.safetensors has 99 bytes/,
    ],
    [
      'weights with another bit',
      () => flipBit(stored('last', 'weights'), -5),
      /30.weights.safetensors is damaged/,
    ],
    ['a lost optimizer', () => rmSync(stored('last', 'optimizer')), /30.optimizer.safetensors is missing/],
    [
      'an empty last.json',
      () => writeFileSync(join(folder, 'last.json'), ''),
      /last.json is damaged: it is not/,
    ],
    ['a lost last.json', () => rmSync(join(folder, 'last.json')), /last.json is missing/],
  ])('with %s falls back to the one before', (_, damage, message) => {
    damage();
    const { notes, ...state } = takeUp();
    expect(state).toEqual({ step: 20, weight: 20, momentum: -20, best: 10 });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(message);
    expect(notes[0]).toMatch(
      /The run goes on from the checkpoint before, step 20; 10 steps after it are trained again\.$/,
    );
    // The folder is as if the last checkpoint had never been written, for readers too.
    expect(readMeta(folder, 'last')?.position.step).toBe(20);
    const value = (name: string) => readSafetensors(join(folder, name)).tensors.get('fc.weight')?.data[0];
    expect([value('last.safetensors'), value('best.safetensors')]).toEqual([20, 10]);
    expect(readdirSync(folder).filter((file) => file.includes('00000030'))).toEqual([]);
    expect(takeUp()).toEqual({ ...state, notes: [] });
    // And training goes on as ever.
    saveCheckpoint(folder, content(30), { alsoBest: true });
    expect(takeUp()).toEqual({ step: 30, weight: 30, momentum: -30, best: 30, notes: [] });
    expect(readMeta(folder, 'previous')?.position.step).toBe(20);
  });

  it('is noticed by whichever bit of last.json', () => {
    const path = join(folder, 'last.json');
    const whole = readFileSync(path);
    const passed: string[] = [];
    for (let at = 0; at < whole.length; at++) {
      flipBit(path, at);
      // White space and the like may change without a change of meaning; anything else must not get through.
      const found = loadCheckpoint(folder);
      if (found?.fallback === undefined) passed.push(JSON.stringify(found?.meta));
      writeFileSync(path, whole);
    }
    const meaning = JSON.stringify(JSON.parse(whole.toString()));
    expect(passed.filter((text) => text !== meaning)).toEqual([]);
    expect(passed.length).toBeLessThan(whole.length / 4);
  });

  it('is the end when the one before it is damaged too', () => {
    flipBit(stored('last', 'weights'), -1);
    truncateSync(stored('previous', 'optimizer'), 10);
    expect(() => takeUp()).toThrow(
      /30.weights.safetensors is damaged: .*, and of the checkpoint before it step-00000020.optimizer.safetensors has 10 bytes, expected \d+: the run cannot go on\. Start again in another folder\.$/,
    );
  });

  it('of another version is refused, not passed over', () => {
    writeFileSync(join(folder, 'last.json'), '{"format":"laurel-checkpoint-2"}');
    expect(() => takeUp()).toThrow(/last.json is not a checkpoint of this version of Laurel/);
  });
});

describe('taking up a run', () => {
  it('gives up best weights that are damaged, and says so', () => {
    const best = (step: number) => ({
      ...content(step),
      position: { ...content(step).position, best: { epoch: 1, top1Error: 50 } },
    });
    saveCheckpoint(folder, best(10), { alsoBest: true });
    saveCheckpoint(folder, best(20));
    flipBit(join(folder, 'step-00000010.weights.safetensors'), -1);
    const notes: string[] = [];
    const found = takeUpCheckpoint(folder, { onNote: (message) => notes.push(message) });
    expect(found?.meta.position).toMatchObject({ step: 20, best: null });
    expect(notes[0]).toMatch(
      /10.weights.safetensors is damaged.* These were the best weights so far \(epoch 1\)/,
    );
    expect(existsSync(join(folder, 'best.safetensors'))).toBe(false);
    expect(takeUp().notes).toEqual([]);
  });

  it('reads folders that know neither checksums of descriptions nor a checkpoint before', () => {
    saveCheckpoint(folder, content(10), { alsoBest: true });
    saveCheckpoint(folder, content(20));
    rmSync(join(folder, 'previous.json'));
    for (const name of ['last', 'best']) {
      const { crc32, best, ...meta } = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(meta, null, 2));
    }
    expect(takeUp()).toEqual({ step: 20, weight: 20, momentum: -20, best: 10, notes: [] });
    saveCheckpoint(folder, content(30));
    expect(takeUp()).toMatchObject({ step: 30, best: 10 });
  });

  it('saves the same step twice without a moment in which only one is there', () => {
    saveCheckpoint(folder, content(10));
    saveCheckpoint(folder, content(10), {
      write: (...given) => {
        expect(loadCheckpoint(folder)?.fallback).toBeUndefined();
        expect(existsSync(given[0])).toBe(false);
        writeSafetensors(...given);
      },
    });
    flipBit(stored('last', 'weights'), -1);
    expect(takeUp()).toMatchObject({ step: 10, weight: 10 });
  });
});

describe('--keep', () => {
  const ended = (epoch: number): CheckpointContent => ({
    ...content(10 * epoch),
    position: { ...content(10 * epoch).position, epoch, stepInEpoch: 0 },
  });
  const kept = () => readdirSync(folder).filter((file) => file.startsWith('epoch-'));

  it('keeps the weights of the newest epochs', () => {
    for (const epoch of [1, 2, 3, 4]) {
      saveCheckpoint(folder, ended(epoch), { keep: 2 });
      saveCheckpoint(folder, content(10 * epoch + 5), { keep: 2 });
    }
    // Position 1 of `content` stands in epoch 2: later ones are not of its past.
    expect(kept()).toEqual([]);
    for (const epoch of [1, 2, 3, 4]) saveCheckpoint(folder, ended(epoch), { keep: 2 });
    expect(kept()).toEqual(['epoch-0003.safetensors', 'epoch-0004.safetensors']);
    expect(readSafetensors(join(folder, 'epoch-0003.safetensors')).tensors.get('fc.weight')?.data[0]).toBe(
      30,
    );
    saveCheckpoint(folder, ended(5));
    expect(kept()).toHaveLength(2);
    saveCheckpoint(folder, ended(6), { keep: 0 });
    expect(kept()).toEqual([]);
  });

  it('is made good when a crash came before the name, or the epoch was lost', () => {
    for (const epoch of [1, 2, 3]) saveCheckpoint(folder, ended(epoch), { keep: 2 });
    rmSync(join(folder, 'epoch-0003.safetensors'));
    takeUp(2);
    expect(kept()).toEqual(['epoch-0002.safetensors', 'epoch-0003.safetensors']);
    flipBit(stored('last', 'optimizer'), -1);
    expect(takeUp(2).step).toBe(20);
    expect(kept()).toEqual(['epoch-0002.safetensors']);
  });
});
