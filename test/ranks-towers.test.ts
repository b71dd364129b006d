// AlexNet in two towers, a rank each, is AlexNet of two groups in one process: the same steps, and the same run folder,
// which either takes up from the other.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Launcher, launchers } from '../src/distribute/testing.ts';
import { writeSyntheticIdx } from '../src/train/testing.ts';
import { readSafetensors } from '../src/weights/safetensors.ts';
import { bin, type Ended, laurel, run, temporaryFolder } from './cli.ts';
import { towersBesideOne } from './ranks-towers.ts';

const slow = { timeout: 180_000 };
const first = launchers[0] as Launcher;

describe.skipIf(launchers.length === 0)('two towers (skipped where there is no MPI)', () => {
  for (const launcher of launchers) {
    it(`take ten steps of two groups: ${launcher.name}`, slow, async () => {
      const proof = { form: 'cifar', size: 32, batch: 4, steps: 10 } as const;
      const found = await towersBesideOne(proof, launcher);
      console.log(found);
      expect(found.losses).toBeLessThanOrEqual(1e-5);
      expect(found.weights).toBeLessThanOrEqual(1e-5);
      // A ReLU whose input is nearly 0 falls to the other side: weights hardly tell, the smallest momentum does.
      expect(found.optimizer).toBeLessThanOrEqual(1e-2);
    });
  }

  it('are exact in f64, gathered, clipped and averaged', slow, async () => {
    const flags = ['f64', 'accumulate', 'clip', 'average'];
    const found = await towersBesideOne({ form: 'cifar', size: 8, batch: 2, steps: 4, flags }, first);
    // States are read in f32.
    expect(Math.max(found.losses, found.norms, found.weights, found.optimizer)).toBeLessThanOrEqual(1e-7);
  });

  it('hand over less in bfloat16, and are near', slow, async () => {
    const proof = { form: 'cifar', size: 16, batch: 4, steps: 2 } as const;
    const [plain, half] = [
      await towersBesideOne(proof, first),
      await towersBesideOne({ ...proof, flags: ['bf16'] }, first),
    ];
    expect(half.traffic?.bytes).toBe((plain.traffic?.bytes ?? 0) / 2);
    expect(half.losses).toBeGreaterThan(plain.losses);
    expect(half.losses).toBeLessThanOrEqual(1e-2);
  });
});

describe.skipIf(launchers.length === 0)(
  'laurel train alexnet --towers 2 (skipped where there is no MPI)',
  () => {
    let data = '';
    beforeAll(() => {
      data = writeSyntheticIdx(join(temporaryFolder(), 'data'), { train: 30, test: 11 });
    });

    const plan = (out: string, ...more: string[]): string[] => [
      ...['train', 'alexnet', '--form', 'cifar', '--set', 'fc=2048', '--data', data, '--out', out, '--json'],
      ...['--seed', '3', '--batch', '8', '--last-batch', 'keep', '--schedule', 'constant', '--lr', '0.01'],
      ...['--log-every', '1', ...more],
    ];
    const underLauncher = (launcher: Launcher, args: readonly string[], ranks = 2): Promise<Ended> =>
      run(launcher.file, [...launcher.flags, '-n', `${ranks}`, process.execPath, bin, ...args]);
    const done = ({ code, stderr }: Ended): void => expect(code, stderr).toBe(0);
    const lossesOf = (out: string): number[] =>
      readFileSync(join(out, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ loss, validationLoss }) => loss ?? validationLoss);

    it('trains, and goes on in one process and back, as one process does', slow, async () => {
      const folder = temporaryFolder();
      const [one, towers] = [join(folder, 'one'), join(folder, 'towers')];
      done(await laurel(plan(one, '--epochs', '3')));
      // Started by itself, gone on with in one process, and in towers again under the last launcher.
      const begun = await laurel(plan(towers, '--epochs', '1', '--towers', '2'));
      done(begun);
      expect(begun.stderr).toMatch(/Two towers, one on each of 2 ranks/);
      expect(JSON.parse(begun.stdout).protocol.ranks).toMatchObject({ count: 2, towers: 2 });
      done(await laurel(plan(towers, '--epochs', '2', '--resume')));
      const last = launchers.at(-1) as Launcher;
      const ended = await underLauncher(last, plan(towers, '--epochs', '3', '--resume', '--towers', '2'));
      done(ended);
      expect(lossesOf(towers)).toHaveLength(lossesOf(one).length);
      for (const [i, loss] of lossesOf(one).entries()) expect(lossesOf(towers)[i]).toBeCloseTo(loss, 4);
      const weights = (out: string) => readSafetensors(join(out, 'checkpoints', 'last.safetensors')).tensors;
      const shapes = (out: string) => [...weights(out)].map(([name, { shape }]) => [name, shape]);
      expect(shapes(towers)).toEqual(shapes(one));
      const evaluated = await laurel(['eval', 'alexnet', '--weights', towers, '--json']);
      done(evaluated);
      const [told, found] = [JSON.parse(ended.stdout), JSON.parse(evaluated.stdout)];
      // The best weights are the ones that count.
      expect(found.top1Error).toBe(told.best.test.top1Error);
      expect(found.loss).toBeCloseTo(told.best.test.loss, 5);
      expect(existsSync(join(towers, 'figures', 'predictions.png'))).toBe(true);
    });

    it('is refused in one sentence for what has no two towers', slow, async () => {
      const out = join(temporaryFolder(), 'run');
      const refused = async (args: readonly string[], reason: string): Promise<void> => {
        const { code, stderr } = await laurel(args);
        expect([code, stderr]).toEqual([2, expect.stringContaining(reason)]);
      };
      const resnet = plan(out, '--towers', '2').with(1, 'resnet18');
      await refused(resnet, "--towers 2 is AlexNet's, and resnet18 has no towers");
      await refused(plan(out, '--towers', '3'), '--towers is 3; AlexNet has 2.');
      await refused(plan(out, '--towers', '2', '--ranks', '4'), '--towers 2 takes two ranks');
      await refused(
        plan(out, '--towers', '2', '--dry-run'),
        '--dry-run runs in one process; leave out --towers',
      );
      await refused(plan(out, '--towers', '2', '--set', 'groups=1'), 'takes the alexnet of two groups');
      const four = await underLauncher(first, plan(out, '--towers', '2'), 4);
      expect(four.code).not.toBe(0);
      expect(four.stderr.match(/--towers 2 under a launcher that started 4/g)).toHaveLength(1);
      expect(existsSync(join(out, 'config.json'))).toBe(false);
    });
  },
);
