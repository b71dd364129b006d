// Tests and scans that ranks share out give what one process gives, to the digit: each rank computes the very batches that
// one process would, and what they find is brought together in its order.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Launcher, launchers } from '../src/distribute/testing.ts';
import { writeSyntheticIdx } from '../src/train/testing.ts';
import { bin, type Ended, laurel, run, temporaryFolder } from './cli.ts';
import { writeStartingWeights } from './network-files.ts';

const slow = { timeout: 120_000 };
const first = launchers[0] as Launcher;
const folder = temporaryFolder();
const weights = join(folder, 'w.safetensors');
const data = join(folder, 'data');

/** `laurel ARGS` as ranks. */
const asRanks = (launcher: Launcher, count: number, args: readonly string[], cwd?: string): Promise<Ended> =>
  run(launcher.file, [...launcher.flags, '-n', `${count}`, process.execPath, bin, ...args], {
    ...(cwd && { cwd }),
  });

beforeAll(() => {
  writeStartingWeights(weights, 'lenet', { form: 'article', classes: 4 });
  // 110 in runs of 8: the last one has 6, and falls to another rank for another number of them.
  writeSyntheticIdx(data, { train: 12, test: 110, classes: 4 });
});

const files = (of: string) =>
  readdirSync(of, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());

/** Every file of a folder with its content. */
function contents(of: string): [string, string][] {
  return files(of)
    .map(({ parentPath, name }): [string, string] => [
      join(parentPath, name).slice(of.length),
      readFileSync(join(parentPath, name), 'base64'),
    ])
    .sort();
}

function resultOf({ code, stdout, stderr }: Ended) {
  expect(code, stderr).toBe(0);
  // One object: it was printed once.
  return JSON.parse(stdout);
}

describe.skipIf(launchers.length === 0)('laurel eval by ranks (skipped where there is no MPI)', () => {
  const evaluation = (...more: string[]): string[] => [
    ...['eval', 'lenet', '--form', 'article', '--weights', weights, '--data', data, '--batch', '8', '--json'],
    ...more,
  ];
  const comparable = ({ seconds: _, protocol, ...rest }: Record<string, unknown>) => {
    const { engine: _engine, ranks: _ranks, ...told } = protocol as Record<string, unknown>;
    return { ...rest, protocol: told };
  };

  for (const launcher of launchers) {
    it.each([2, 3])(`has the numbers of one process: %i, ${launcher.name}`, slow, async (count) => {
      const [one, ranks] = [join(folder, 'one.csv'), join(folder, `ranks${count}.csv`)];
      const alone = resultOf(await laurel(evaluation('--per-picture', one)));
      const shared = resultOf(await asRanks(launcher, count, evaluation('--per-picture', ranks)));
      expect(comparable(shared)).toEqual(comparable(alone));
      expect(shared.protocol.ranks).toEqual({ count, mpi: expect.stringContaining(launcher.name) });
      expect(readFileSync(ranks, 'utf8')).toBe(readFileSync(one, 'utf8'));
      expect(shared.n).toBe(110);
    });
  }

  it('starts ranks itself, for ten crops too', slow, async () => {
    const ten = ['--crops', '10', '--resize', '32', '--crop', '28'];
    const alone = resultOf(await laurel(evaluation(...ten)));
    const shared = resultOf(await laurel(evaluation(...ten, '--ranks', '2')));
    expect(comparable(shared)).toEqual(comparable(alone));
  });

  it('leaves ranks without a picture where there are few', slow, async () => {
    const alone = resultOf(await laurel(evaluation('--batch', '100')));
    const shared = resultOf(await asRanks(first, 3, evaluation('--batch', '100')));
    expect(comparable(shared)).toEqual(comparable(alone));
  });
});

describe.skipIf(launchers.length === 0)('laurel viz top by ranks (skipped where there is no MPI)', () => {
  const top = (...more: string[]): string[] => [
    ...['viz', 'top', 'lenet', '--form', 'article', '--weights', weights, '--data', data, '--json'],
    ...['--layer', 'conv1,conv2', '--maps', '3', '--out', 'sheets', '--cache', 'scans', '--batch', '8'],
    ...more,
  ];

  for (const launcher of launchers) {
    it.each([2, 3])(`draws the sheet of one process: %i, ${launcher.name}`, slow, async (count) => {
      const [one, ranks] = [temporaryFolder(), temporaryFolder()];
      const { scanSeconds: _, ...alone } = resultOf(await laurel(top(), { cwd: one }));
      const { scanSeconds: _seconds, ...shared } = resultOf(await asRanks(launcher, count, top(), ranks));
      expect(shared).toEqual(alone);
      expect(contents(join(ranks, 'sheets'))).toEqual(contents(join(one, 'sheets')));
      expect(contents(join(ranks, 'scans'))).toEqual(contents(join(one, 'scans')));
    });
  }

  it('starts ranks itself, and reads what one process has scanned', slow, async () => {
    const place = temporaryFolder();
    const alone = resultOf(await laurel(top(), { cwd: place }));
    const shared = resultOf(await laurel(top('--ranks', '2'), { cwd: place }));
    expect(shared.layers).toEqual(alone.layers);
  });
});

describe.skipIf(launchers.length === 0)(
  'other verbs under a launcher (skipped where there is no MPI)',
  () => {
    for (const launcher of launchers) {
      it(`are refused in one sentence: ${launcher.name}`, slow, async () => {
        for (const verb of [
          ['summary', 'lenet'],
          ['viz', 'health', 'lenet', '--weights', weights, '--out', join(folder, 'health')],
        ]) {
          const { code, stdout, stderr } = await asRanks(launcher, 2, verb);
          expect(code).not.toBe(0);
          expect(stdout).toBe('');
          expect(
            stderr.match(/runs in one process, and a launcher has started 2: leave out mpirun/g),
          ).toHaveLength(1);
        }
      });
    }
  },
);
