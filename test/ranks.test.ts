// `laurel train` by several ranks, from end to end: what one process trains, resumed by other numbers of them, stopped,
// killed, and started unlike each other.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { findLaunchers } from '../src/distribute/launch.ts';
import { type Launcher, launchers } from '../src/distribute/testing.ts';
import { writeSyntheticIdx } from '../src/train/testing.ts';
import { bin, type Ended, laurel, run, temporaryFolder } from './cli.ts';

const slow = { timeout: 120_000 };
let data = '';

beforeAll(() => {
  // 45 for training in batches of 12: the last one has nine.
  data = writeSyntheticIdx(join(temporaryFolder(), 'data'), { train: 50, test: 22 });
});

const plan = (out: string, ...more: string[]): string[] => [
  ...['train', 'lenet', '--data', data, '--out', out, '--seed', '3', '--batch', '12', '--json'],
  ...['--last-batch', 'keep', '--schedule', 'constant', '--lr', '0.05', '--no-warnings', '--log-every', '1'],
  ...more,
];

/** Runs `laurel ARGS` as ranks. */
function ranksOf(launcher: Launcher, count: number, args: readonly string[]): Promise<Ended> {
  return run(launcher.file, [...launcher.flags, '-n', `${count}`, process.execPath, bin, ...args]);
}

interface Epoch {
  readonly kind: string;
  readonly epoch: number;
  readonly trainLoss: number;
  readonly validationLoss: number;
}

const epochsOf = (out: string): Epoch[] =>
  readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Epoch)
    .filter(({ kind }) => kind === 'epoch');

function expectSameEpochs(out: string, other: string): void {
  const [some, others] = [epochsOf(out), epochsOf(other)];
  expect(others.map(({ epoch }) => epoch)).toEqual(some.map(({ epoch }) => epoch));
  for (const [place, { trainLoss, validationLoss }] of some.entries()) {
    expect(others[place]?.trainLoss).toBeCloseTo(trainLoss, 5);
    expect(others[place]?.validationLoss).toBeCloseTo(validationLoss, 5);
  }
}

const summaryOf = (out: string) => JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));

describe.skipIf(launchers.length === 0)('laurel train by ranks (skipped where there is no MPI)', () => {
  const one = { out: '', summary: {} as Record<string, unknown> };

  beforeAll(async () => {
    one.out = join(temporaryFolder(), 'one');
    const { code, stdout, stderr } = await laurel(plan(one.out, '--epochs', '3'));
    expect(code, stderr).toBe(0);
    one.summary = JSON.parse(stdout);
  });

  it.skipIf(process.platform !== 'linux').each(launchers)(
    'join behind a Node that keeps what the launcher opened, as npx does: $name',
    slow,
    async ({ file, flags }) => {
      const out = join(temporaryFolder(), 'run');
      const script =
        "require('child_process').spawnSync(process.execPath, process.argv.slice(1), { stdio: 'inherit' })";
      const command = [process.execPath, '-e', script, '--', bin, ...plan(out, '--epochs', '1')];
      const { code, stderr } = await run(file, [...flags, '-n', '2', ...command]);
      expect(code, stderr).toBe(0);
      expect(summaryOf(out).protocol.ranks.count).toBe(2);
    },
  );

  it.skipIf(launchers.every(({ name }) => name !== 'MPICH'))(
    "say in a sentence that MPICH's socket is out of reach",
    slow,
    async () => {
      const { file } = launchers.find(({ name }) => name === 'MPICH') as Launcher;
      const out = join(temporaryFolder(), 'run');
      const command = ['env', 'PMI_FD=99', process.execPath, bin, ...plan(out)];
      const { code, stderr } = await run(file, ['-n', '2', ...command]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/PMI_FD=99.* did not come through: npx, .* instead of npx laurel/);
      expect(existsSync(out)).toBe(false);
    },
  );

  for (const launcher of launchers) {
    it.each([2, 4])(`trains what one process trains: %i, ${launcher.name}`, slow, async (count) => {
      const out = join(temporaryFolder(), 'run');
      const { code, stdout, stderr } = await ranksOf(launcher, count, plan(out, '--epochs', '3'));
      expect(code, stderr).toBe(0);
      const summary = JSON.parse(stdout);
      expect(summary).toEqual(summaryOf(out));
      expect(summary).toMatchObject({
        status: 'finished',
        testTop1Error: one.summary.testTop1Error,
        testTop5Error: one.summary.testTop5Error,
        testLoss: expect.closeTo(one.summary.testLoss as number, 5),
        protocol: { batch: 12, ranks: { count, mpi: expect.stringContaining(launcher.name), wire: 'f32' } },
      });
      expectSameEpochs(one.out, out);
      expect(stderr.match(/epoch 3\/3/g)).toHaveLength(1);
      expect(existsSync(join(out, 'figures', 'predictions.png'))).toBe(true);
    });

    it(`refuses by name what the ranks have unlike: ${launcher.name}`, slow, async () => {
      const out = join(temporaryFolder(), 'run');
      const command = (...more: string[]): string[] => [
        ...['-n', '1', process.execPath, bin, ...plan(out, '--epochs', '1', ...more)],
      ];
      const args = [...launcher.flags, ...command(), ':', ...command('--momentum', '0.5')];
      const { code, stderr } = await run(launcher.file, args);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/do not train the same: rank 1 has recipe's optimizer .*"momentum":0.5/);
      expect(stderr.match(/do not train the same/g)).toHaveLength(1);
      expect(existsSync(join(out, 'config.json'))).toBe(false);
    });
  }

  it('goes on with another number of ranks, and with none', slow, async () => {
    const out = join(temporaryFolder(), 'run');
    const first = launchers[0] as Launcher;
    const last = launchers.at(-1) as Launcher;
    expect(await ranksOf(first, 3, plan(out, '--epochs', '1'))).toMatchObject({ code: 0 });
    const resumed = await ranksOf(last, 2, plan(out, '--epochs', '2', '--resume'));
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(
      /started with .* on each of 3 ranks and goes on with .* on each of 2 ranks/,
    );
    const { code, stderr } = await laurel(plan(out, '--epochs', '3', '--resume'));
    expect(code, stderr).toBe(0);
    expectSameEpochs(one.out, out);
  });

  it('goes on in the middle of an update, what was gathered by all with it', slow, async () => {
    const [whole, out] = [join(temporaryFolder(), 'whole'), join(temporaryFolder(), 'run')];
    // Four steps an epoch: each ends in the middle of an update but the third.
    const gathering = ['--accumulate', '3'];
    expect(await laurel(plan(whole, '--epochs', '4', ...gathering))).toMatchObject({ code: 0 });
    const ranks = (count: number, ...more: string[]) =>
      ranksOf(launchers[0] as Launcher, count, plan(out, ...more, ...gathering));
    expect(await ranks(3, '--epochs', '1')).toMatchObject({ code: 0 });
    expect(await ranks(2, '--epochs', '2', '--resume')).toMatchObject({ code: 0 });
    const alone = await laurel(plan(out, '--epochs', '3', '--resume', ...gathering));
    expect(alone.code, alone.stderr).toBe(0);
    expect(await ranks(2, '--epochs', '4', '--resume')).toMatchObject({ code: 0 });
    expectSameEpochs(whole, out);
  });

  it('has batch norms agree, each by itself or all together', slow, async () => {
    const small = [
      '--form',
      'cifar',
      '--epochs',
      '2',
      '--engine',
      'onednn',
      '--batch',
      '12',
      '--no-flip',
      '--dtype',
      'f32',
    ];
    const train = (out: string, ...more: string[]): string[] => [
      ...['train', 'resnet20', '--data', data, '--out', out, '--seed', '3', '--lr', '0.001', '--json'],
      ...['--schedule', 'constant', '--no-warnings', '--last-batch', 'keep', '--smoke'],
      ...small,
      ...more,
    ];
    const folder = temporaryFolder();
    const [whole, apart, together] = ['whole', 'apart', 'together'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    expect((await laurel(train(whole))).code).toBe(0);
    const launcher = launchers[0] as Launcher;
    for (const [out, ...more] of [[apart], [together, '--sync-bn']] as [string, ...string[]][]) {
      const { code, stderr } = await ranksOf(launcher, 2, train(out, ...more));
      expect(code, stderr).toBe(0);
    }
    const lossOf = (out: string): number => epochsOf(out)[0]?.trainLoss as number;
    expect(lossOf(together)).toBeCloseTo(lossOf(whole), 4);
    // Batch norm over half of the batch is another network.
    expect(Math.abs(lossOf(apart) - lossOf(whole))).toBeGreaterThan(1e-3);
    expect(summaryOf(apart).testLoss).toBeTypeOf('number');
  });

  it('refuses fewer pictures than ranks, once', slow, async () => {
    const launcher = launchers[0] as Launcher;
    const out = join(temporaryFolder(), 'run');
    const { code, stderr } = await ranksOf(launcher, 3, plan(out, '--batch', '2'));
    expect(code).toBe(2);
    expect(stderr.match(/The batch of 2 \(lenet\) cannot be divided over 3 ranks/g)).toHaveLength(1);
  });
});

/** A training that goes on until it is stopped; resolves when it has ended its second epoch. */
async function running(args: readonly string[]) {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (text) => {
      stderr += text;
      if (/epoch +2\//.test(stderr)) resolve();
    });
    child.on('close', () => reject(new Error(stderr)));
  });
  return { child, ended, stderr: () => stderr };
}

/** The processes whose environment has all of these. */
function processesWith(...settings: string[]): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      return settings.every((setting) => environment.includes(setting)) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

describe.skipIf(findLaunchers().length === 0)('laurel train --ranks', () => {
  it('starts them, stops them on Ctrl-C with everything saved, and goes on', slow, async () => {
    const out = join(temporaryFolder(), 'run');
    const { child, ended, stderr } = await running(plan(out, '--epochs', '4000', '--ranks', '2'));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(stderr().match(/Stopping: saving/g)).toHaveLength(1);
    const stopped = summaryOf(out);
    expect(stopped).toMatchObject({ status: 'interrupted', protocol: { ranks: { count: 2 } } });
    const meta = JSON.parse(readFileSync(join(out, 'checkpoints', 'last.json'), 'utf8'));
    const epochs = `${meta.position.epoch + 1}`;
    const { code, stderr: said } = await laurel(plan(out, '--epochs', epochs, '--resume'));
    expect(code, said).toBe(0);
  });

  it('a rank that is killed ends all of it, and the last checkpoint is whole', slow, async () => {
    const out = join(temporaryFolder(), 'run');
    process.env.LAUREL_TEST_RUN = out;
    const { ended } = await running(plan(out, '--epochs', '4000', '--ranks', '2', '--checkpoint-every', '1'));
    const launched =
      findLaunchers()[0]?.implementation === 'Open MPI' ? 'OMPI_COMM_WORLD_RANK=1' : 'PMI_RANK=1';
    const [victim] = processesWith(`LAUREL_TEST_RUN=${out}`, launched);
    process.kill(victim as number, 'SIGKILL');
    expect(await ended).not.toBe(0);
    await sleep(200);
    expect(processesWith(`LAUREL_TEST_RUN=${out}`, launched)).toEqual([]);
    const meta = JSON.parse(readFileSync(join(out, 'checkpoints', 'last.json'), 'utf8'));
    const resumed = await laurel(plan(out, '--epochs', `${meta.position.epoch + 1}`, '--resume'));
    expect(resumed.code, resumed.stderr).toBe(0);
  });

  it('refuses another number than the launcher started, and a rehearsal', async () => {
    const out = join(temporaryFolder(), 'run');
    const env = { OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '3' };
    const other = await laurel(plan(out, '--ranks', '2'), { env });
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--ranks 2 under a launcher that started 3'),
    });
    const rehearsal = await laurel(plan(out, '--ranks', '2', '--dry-run'));
    expect(rehearsal).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--dry-run runs in one process'),
    });
  });
});

it('laurel train --ranks says how to get MPI where there is none', async () => {
  // A PATH with nothing on it.
  const path = join(temporaryFolder(), 'bin');
  mkdirSync(path);
  writeFileSync(join(path, 'nothing'), '');
  const out = join(temporaryFolder(), 'run');
  const { code, stderr } = await laurel(plan(out, '--ranks', '2'), { env: { PATH: path } });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: MPI is not installed.*Install it:\n {2}(sudo apt-get|brew) install/);
});
