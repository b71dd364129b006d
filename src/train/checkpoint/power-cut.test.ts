// A power cut between any two calls to the file system, on the worst disk that POSIX allows (`disk-testing.ts`): bytes
// that were not flushed are lost or cut, names that were not flushed have changed or not. Whatever it leaves, a whole
// checkpoint is found, the one before or the one that was being written; once a save has returned, that one.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { appendMetrics, flushMetrics } from '../../run/metrics.ts';
import { createVolatileDisk, type Survivors, type VolatileDisk } from './disk-testing.ts';
import { saveCheckpoint } from './save.ts';
import { contentOf, expectedOf, foundIn, quickPlace } from './testing.ts';

/** The disk that calls are followed on, how many there were, and the one at which the power goes. */
const power = vi.hoisted(() => ({
  disk: undefined as VolatileDisk | undefined,
  calls: 0,
  cutAt: Number.POSITIVE_INFINITY,
}));

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  /** Carries a call out and lets the model know; nothing is carried out once the power is gone. */
  const followed = <T>(run: () => T, tell: (disk: VolatileDisk, result: T) => void): T => {
    if (power.disk === undefined) return run();
    if (++power.calls >= power.cutAt) throw new Error('the power is gone');
    const result = run();
    tell(power.disk, result);
    return result;
  };
  const changing = {
    openSync: (path: string, flags: string) =>
      followed(
        () => real.openSync(path, flags),
        ({ calls }, handle) => calls.open(path, handle, flags),
      ),
    writeSync: (handle: number, bytes: Uint8Array, offset: number, length: number, position?: number) =>
      followed(
        () => real.writeSync(handle, bytes, offset, length, position),
        ({ calls }, done) => calls.write(handle, bytes.subarray(offset, offset + done)),
      ),
    ftruncateSync: (handle: number, length: number) =>
      followed(
        () => real.ftruncateSync(handle, length),
        ({ calls }) => calls.truncate(handle, length),
      ),
    closeSync: (handle: number) =>
      followed(
        () => real.closeSync(handle),
        ({ calls }) => calls.close(handle),
      ),
    // The model alone is flushed: that is quicker.
    fsyncSync: (handle: number) =>
      followed(
        () => {},
        ({ calls }) => calls.fsync(handle),
      ),
    renameSync: (from: string, to: string) =>
      followed(
        () => real.renameSync(from, to),
        ({ calls }) => calls.rename(from, to),
      ),
    linkSync: (from: string, to: string) =>
      followed(
        () => real.linkSync(from, to),
        ({ calls }) => calls.link(from, to),
      ),
    copyFileSync: (from: string, to: string) =>
      followed(
        () => real.copyFileSync(from, to),
        ({ calls }) => calls.copy(from, to),
      ),
    rmSync: (path: string, options?: object) =>
      followed(
        () => real.rmSync(path, options),
        ({ calls }) => calls.remove(path),
      ),
    mkdirSync: (path: string) =>
      followed(
        () => real.mkdirSync(path),
        ({ calls }) => calls.makeFolder(path),
      ),
  };
  return { ...real, ...changing, default: { ...real, ...changing } };
});

const place = mkdtempSync(join(quickPlace, 'laurel-power-'));
afterAll(() => rmSync(place, { recursive: true }));
let folders = 0;

/** All that is under `root` and safe. */
function diskOf(root: string): VolatileDisk {
  const names = readdirSync(root, { recursive: true, withFileTypes: true });
  const path = (entry: (typeof names)[number]) => join(entry.parentPath, entry.name);
  const files = names.filter((entry) => entry.isFile()).map(path);
  const inside = names.filter((entry) => entry.isDirectory()).map(path);
  return createVolatileDisk(new Map(files.map((file) => [file, readFileSync(file)])), [root, ...inside]);
}

interface Cut {
  readonly calls: number;
  readonly returned: boolean;
  readonly root: string;
  readonly survivors: readonly Survivors[];
}

/** Saves epoch `epochs` after the ones before it, and cuts the power at call `at`. */
function cut(epochs: number, at: number): Cut {
  const root = join(place, `${folders++}`);
  mkdirSync(root);
  const save = (epoch: number) =>
    saveCheckpoint(join(root, 'checkpoints'), contentOf(epoch), { alsoBest: true, keep: 2 });
  for (let epoch = 1; epoch < epochs; epoch++) save(epoch);
  power.disk = diskOf(root);
  power.calls = 0;
  power.cutAt = at;
  let returned = true;
  try {
    save(epochs);
  } catch {
    returned = false;
  }
  // A failure that the writer takes for one of the disk's is not the end of it: nothing more is carried out.
  const survivors = [...(power.disk?.survivors() ?? [])];
  power.disk = undefined;
  power.cutAt = Number.POSITIVE_INFINITY;
  return { calls: power.calls, returned: returned && at > power.calls, root, survivors };
}

/** What is found on a disk that the cut left; undefined where there is no folder of checkpoints. */
function takenUp(root: string, survivors: Survivors) {
  const disk = join(place, `${folders++}`);
  for (const [path, bytes] of survivors) {
    const file = join(disk, relative(root, path));
    makeFolders(dirname(file));
    writeFileSync(file, bytes);
  }
  const folder = join(disk, 'checkpoints');
  const found = survivors.size === 0 ? undefined : foundIn(folder);
  if (survivors.size > 0) rmSync(disk, { recursive: true });
  return found;
}

function makeFolders(folder: string): void {
  for (const level of [dirname(dirname(folder)), dirname(folder), folder]) {
    try {
      mkdirSync(level);
    } catch {}
  }
}

const calls = cut(3, Number.POSITIVE_INFINITY).calls;

describe('a power cut inside the writing of a checkpoint', () => {
  it(`leaves a whole one at each of its ${calls} calls, on every disk that there may be`, () => {
    const found = new Set<number>();
    let disks = 0;
    for (let at = 1; at <= calls; at++) {
      const { root, survivors } = cut(3, at);
      for (const disk of survivors) {
        const state = takenUp(root, disk);
        expect(state, `call ${at}`).toEqual(expectedOf(state?.epoch === 3 ? 3 : 2));
        found.add(state?.epoch as number);
        disks++;
      }
      rmSync(root, { recursive: true });
    }
    expect(found).toEqual(new Set([2, 3]));
    expect(disks).toBeGreaterThan(2 * calls);
  });

  it('after it has returned takes nothing of it away', () => {
    const { root, survivors, returned } = cut(3, Number.POSITIVE_INFINITY);
    expect(returned).toBe(true);
    for (const disk of survivors) expect(takenUp(root, disk)).toEqual(expectedOf(3));
  });

  it('after the first one has returned takes not even its folder away', () => {
    const { root, survivors } = cut(1, Number.POSITIVE_INFINITY);
    for (const disk of survivors) expect(takenUp(root, disk)).toEqual(expectedOf(1));
  });
});

it('a power cut takes away no line of metrics.jsonl that was flushed', () => {
  const root = join(place, `${folders++}`);
  mkdirSync(root);
  const metrics = join(root, 'metrics.jsonl');
  power.disk = diskOf(root);
  appendMetrics(metrics, { step: 1 });
  const early = [...power.disk.survivors()];
  flushMetrics(metrics);
  appendMetrics(metrics, { step: 2 });
  const survivors = [...power.disk.survivors()];
  power.disk = undefined;
  expect(early.some((files) => files.size === 0)).toBe(true);
  for (const files of survivors) expect(`${files.get(metrics)}`).toMatch(/^{"step":1}\n/);
});

describe('the model of a disk', () => {
  const file = (text: string) => Buffer.from(text);
  const held = (disk: VolatileDisk) =>
    new Set(
      [...disk.survivors()].map((files) => [...files].map(([path, bytes]) => `${path}=${bytes}`).join(' ')),
    );

  it('loses bytes that were not flushed, and names that were not', () => {
    const disk = createVolatileDisk(new Map([['/r/a', file('old')]]), ['/r']);
    const { calls } = disk;
    calls.open('/r/a.part', 3, 'w');
    calls.write(3, file('news'));
    calls.rename('/r/a.part', '/r/a');
    expect(held(disk)).toEqual(
      new Set([
        '/r/a=old',
        '/r/a=',
        '/r/a=ne',
        '/r/a=news',
        '/r/a=old /r/a.part=',
        '/r/a=old /r/a.part=ne',
        '/r/a=old /r/a.part=news',
      ]),
    );
    calls.fsync(3);
    expect(held(disk)).toEqual(new Set(['/r/a=old', '/r/a=news', '/r/a=old /r/a.part=news']));
    calls.open('/r', 4, 'r');
    calls.fsync(4);
    expect(held(disk)).toEqual(new Set(['/r/a=news']));
  });
});
