// A crash between any two calls to the file system: the calls that change something are counted, and from the n-th on
// none is carried out any more, as if the process had been killed there. Whatever n is, the checkpoint that is found
// afterwards is whole, the old one or the one that was being written.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { readSafetensors } from '../../weights/safetensors.ts';
import { takeUpCheckpoint } from './load.ts';
import { type CheckpointContent, saveCheckpoint } from './save.ts';

/** Flushing a disk takes long, and proves nothing here. */
const quick = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const crash = vi.hoisted(() => ({ calls: 0, at: Number.POSITIVE_INFINITY }));

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const counted = <F extends (...given: never[]) => unknown>(call: F): F =>
    ((...given: Parameters<F>) => {
      if (++crash.calls >= crash.at) throw Object.assign(new Error('killed'), { code: 'KILLED' });
      return call(...given);
    }) as F;
  const changing = {
    writeSync: counted(real.writeSync as (...given: never[]) => number),
    fsyncSync: counted(real.fsyncSync),
    renameSync: counted(real.renameSync),
    linkSync: counted(real.linkSync),
    copyFileSync: counted(real.copyFileSync),
    rmSync: counted(real.rmSync),
    mkdirSync: counted(real.mkdirSync as (...given: never[]) => string | undefined),
  };
  return { ...real, ...changing, default: { ...real, ...changing } };
});

beforeEach(() => {
  crash.calls = 0;
  crash.at = Number.POSITIVE_INFINITY;
});

const filled = (value: number) => ({ shape: [4], data: new Float32Array(4).fill(value) });

function content(epoch: number): CheckpointContent {
  const sums = { pictures: 0, loss: 0, top1: 0, top5: 0 };
  const best = { epoch, top1Error: 100 - epoch };
  return {
    position: { epoch, stepInEpoch: 0, step: 10 * epoch, sums, seconds: epoch, best },
    seed: 1,
    weights: new Map([['w', filled(epoch)]]),
    optimizer: new Map([['w.momentum', filled(-epoch)]]),
    metadata: {},
  };
}

/** Saves epoch 3 after two whole ones, up to the n-th call; gives how many calls there were. */
function crashed(folder: string, at: number): number {
  for (const epoch of [1, 2]) saveCheckpoint(folder, content(epoch), { alsoBest: true, keep: 2 });
  crash.calls = 0;
  crash.at = at;
  try {
    saveCheckpoint(folder, content(3), { alsoBest: true, keep: 2 });
  } catch {
    // A killed process says nothing.
  }
  crash.at = Number.POSITIVE_INFINITY;
  return crash.calls;
}

function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(quick, 'laurel-crash-'));
  try {
    return use(folder);
  } finally {
    crash.at = Number.POSITIVE_INFINITY;
    rmSync(folder, { recursive: true });
  }
}

function state(folder: string) {
  const notes: string[] = [];
  const found = takeUpCheckpoint(folder, { keep: 2, onNote: (message) => notes.push(message) });
  const value = (name: string) =>
    readSafetensors(join(folder, `${name}.safetensors`)).tensors.get('w')?.data[0];
  return {
    epoch: found?.meta.position.epoch,
    weight: found?.tensors.get('w')?.data[0],
    momentum: found?.tensors.get('w.momentum')?.data[0],
    named: [value('last'), value('best')],
    kept: readdirSync(folder).filter((file) => file.startsWith('epoch-')),
    unfinished: readdirSync(folder).filter((file) => file.endsWith('.part')),
    notes,
  };
}

const expected = (epoch: number) => ({
  epoch,
  weight: epoch,
  momentum: -epoch,
  named: [epoch, epoch],
  kept: [`epoch-000${epoch - 1}.safetensors`, `epoch-000${epoch}.safetensors`],
  unfinished: [],
  notes: [],
});

const calls = withFolder((folder) => crashed(folder, Number.POSITIVE_INFINITY));

describe('a crash inside the writing of a checkpoint', () => {
  it(`leaves a whole one at each of its ${calls} calls`, () => {
    const epochs: number[] = [];
    for (let at = 1; at <= calls; at++) {
      withFolder((folder) => {
        crashed(folder, at);
        const found = state(folder);
        expect(found, `call ${at}`).toEqual(expected(found.epoch === 3 ? 3 : 2));
        epochs.push(found.epoch as number);
        // Gone on with, it ends as if nothing had happened.
        saveCheckpoint(folder, content(3), { alsoBest: true, keep: 2 });
        expect(state(folder), `call ${at}, after another save`).toEqual(expected(3));
      });
    }
    // The one moment at which it becomes valid.
    expect(epochs).toEqual(epochs.toSorted());
    expect(new Set(epochs)).toEqual(new Set([2, 3]));
  });

  it('and a crash inside the putting in order after it', () => {
    for (let first = 1; first <= calls; first += 3) {
      for (let second = 1; second <= 30; second += 2) {
        withFolder((folder) => {
          crashed(folder, first);
          crash.calls = 0;
          crash.at = second;
          try {
            takeUpCheckpoint(folder, { keep: 2, onNote: () => {} });
          } catch {}
          crash.at = Number.POSITIVE_INFINITY;
          const found = state(folder);
          expect(found, `calls ${first} and ${second}`).toEqual(expected(found.epoch === 3 ? 3 : 2));
        });
      }
    }
  });
});
