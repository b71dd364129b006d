// A crash between any two calls to the file system: the calls that change something are counted, and from the n-th on
// none is carried out any more, as if the process had been killed there. Whatever n is, the checkpoint that is found
// afterwards is whole, the old one or the one that was being written.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { takeUpCheckpoint } from './load.ts';
import { saveCheckpoint } from './save.ts';
import { contentOf, expectedOf, foundIn, quickPlace } from './testing.ts';

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

/** Saves epoch 3 after two whole ones, up to the n-th call; gives how many calls there were. */
function crashed(folder: string, at: number): number {
  for (const epoch of [1, 2]) saveCheckpoint(folder, contentOf(epoch), { alsoBest: true, keep: 2 });
  crash.calls = 0;
  crash.at = at;
  try {
    saveCheckpoint(folder, contentOf(3), { alsoBest: true, keep: 2 });
  } catch {
    // A killed process says nothing.
  }
  crash.at = Number.POSITIVE_INFINITY;
  return crash.calls;
}

function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(quickPlace, 'laurel-crash-'));
  try {
    return use(folder);
  } finally {
    crash.at = Number.POSITIVE_INFINITY;
    rmSync(folder, { recursive: true });
  }
}

const calls = withFolder((folder) => crashed(folder, Number.POSITIVE_INFINITY));

describe('a crash inside the writing of a checkpoint', () => {
  it(`leaves a whole one at each of its ${calls} calls`, () => {
    const epochs: number[] = [];
    for (let at = 1; at <= calls; at++) {
      withFolder((folder) => {
        crashed(folder, at);
        const found = foundIn(folder);
        expect(found, `call ${at}`).toEqual(expectedOf(found.epoch === 3 ? 3 : 2));
        epochs.push(found.epoch as number);
        // Gone on with, it ends as if nothing had happened.
        saveCheckpoint(folder, contentOf(3), { alsoBest: true, keep: 2 });
        expect(foundIn(folder), `call ${at}, after another save`).toEqual(expectedOf(3));
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
          const found = foundIn(folder);
          expect(found, `calls ${first} and ${second}`).toEqual(expectedOf(found.epoch === 3 ? 3 : 2));
        });
      }
    }
  });
});
