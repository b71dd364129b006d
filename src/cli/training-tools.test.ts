import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { laurel, temporaryFolder } from '../../test/cli.ts';
import { writeSyntheticIdx } from '../train/testing.ts';

let home: string;
beforeAll(() => {
  home = temporaryFolder();
  writeSyntheticIdx(join(home, 'shapes'), { train: 60, test: 10, classes: 4 });
});

const lenet = ['lenet', '--form', 'article', '--data', 'shapes', '--batch', '12'];
const run = (...args: string[]) => laurel(args, { cwd: home });
/** What lies in the folder in which everything was run. */
const left = (): string[] => readdirSync(home).sort();

describe('laurel train --dry-run', () => {
  it('shows network, memory, recipe, counts and time, and leaves nothing', async () => {
    const { code, stdout, stderr } = await run('train', ...lenet, '--epochs', '2', '--dry-run');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/conv1 +convolution +\S+ +\d/);
    expect(stdout).toMatch(/Size +43,916 parameters, \S+ multiply-adds for one picture/);
    expect(stdout).toMatch(/Data +shapes: 54 pictures to train on, 6 for validation, 10 for the test/);
    expect(stdout).toMatch(/Steps +8: 2 epochs of 4/);
    expect(stdout).toMatch(/Memory +\d+ MiB for activations/);
    expect(stdout).toMatch(/Time +about \d/);
    expect(left()).toEqual(['shapes']);
  });

  it('says what --checkpointing saves', async () => {
    const resnet = ['resnet20', '--form', 'cifar', '--data', 'shapes', '--batch', '12'];
    const { code, stdout } = await run('train', ...resnet, '--dry-run', '--checkpointing');
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n +\d+ MiB saved by computing again in the backward pass\n/);
  });

  it('is refused beside --resume and --overfit-batch', async () => {
    const [resumed, both] = await Promise.all([
      run('train', 'lenet', '--out', 'run', '--resume', '--dry-run'),
      run('train', ...lenet, '--dry-run', '--overfit-batch'),
    ]);
    expect([resumed.code, both.code]).toEqual([2, 2]);
    expect(resumed.stderr).toBe('error: --dry-run tries a training from its start; leave out --resume.\n');
    expect(left()).toEqual(['shapes']);
  });
});

describe('laurel train --overfit-batch', () => {
  it('ends with 0 where the batch is learned, with 1 where it is not', async () => {
    const [sound, still] = await Promise.all([
      run('train', ...lenet, '--overfit-batch'),
      run('train', ...lenet, '--overfit-batch', '--lr', '0', '--json'),
    ]);
    expect(sound.code).toBe(0);
    expect(sound.stdout).toMatch(/Right +12 of 12 .*\n.*\n\nLearned by heart after \d+ steps/);
    expect(still.code).toBe(1);
    expect(JSON.parse(still.stdout)).toMatchObject({ learned: false, pictures: 12 });
    expect(left()).toEqual(['shapes']);
  });
});

describe('laurel lr-find', () => {
  it('suggests a rate and leaves figure and data in --out alone', async () => {
    const { code, stdout } = await run('lr-find', ...lenet, '--out', 'rates');
    expect(code).toBe(0);
    const suggested = /Suggested rate: (\S+),/.exec(stdout)?.[1];
    const data = JSON.parse(readFileSync(join(home, 'rates', 'lr-find.json'), 'utf8'));
    expect(data.suggestion).toBe(Number(suggested));
    expect(readdirSync(join(home, 'rates')).sort()).toEqual(['lr-find.json', 'lr-find.png', 'lr-find.svg']);
    expect(left()).toEqual(['rates', 'shapes']);
  });

  it('fails where no rate makes the loss fall', async () => {
    const { code, stdout } = await run('lr-find', ...lenet, '--to', '1e-6', '--rates', '12', '--out', 'low');
    expect(code).toBe(1);
    expect(stdout).toMatch(/No suggestion: the loss does not fall/);
  });
});

describe('laurel runs', () => {
  it('lists runs, sorted as asked, and shows what differs between two', async () => {
    const train = (out: string, ...more: string[]) =>
      run('train', ...lenet, '--epochs', '1', '--out', join('kept', out), ...more);
    await Promise.all([train('a', '--seed', '1'), train('b', '--seed', '2', '--lr', '0.001')]);
    const { code, stdout } = await run('runs', 'kept', '--sort', 'name', '--reverse');
    expect(code).toBe(0);
    const rows = stdout.split('\n').filter((line) => /finished$/.test(line));
    expect(rows.map((row) => row[0])).toEqual(['b', 'a']);
    expect(rows[0]).toMatch(/^b +lenet +article +shapes +lenet +1\/1 /);
    const diff = await run('runs', 'diff', 'kept/a', 'kept/b', '--figure', 'both.png');
    expect(diff.code).toBe(0);
    expect(diff.stdout).toMatch(/recipe\.learningRate +0\.2 +0\.001\nseed +1 +2\n/);
    expect(diff.stdout).not.toMatch(/started|momentum/);
    expect(existsSync(join(home, 'both.png'))).toBe(true);
    const json = await run('runs', 'diff', 'kept/a', 'kept/b', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      settings: [{ a: 0.2 }, { setting: 'seed', a: 1, b: 2 }],
    });
    const list = await run('runs', 'kept', '--json');
    expect(JSON.parse(list.stdout).runs).toHaveLength(2);
  });

  it('says what is missing', async () => {
    const [none, nowhere, odd, key] = await Promise.all([
      run('runs'),
      run('runs', 'nowhere'),
      run('runs', 'diff', 'shapes', 'shapes'),
      run('runs', '--sort', 'tset'),
    ]);
    expect([none.code, nowhere.code, odd.code, key.code]).toEqual([0, 1, 2, 2]);
    expect(none.stdout).toMatch(/^No runs in runs\./);
    expect(nowhere.stderr).toMatch(/There is no folder nowhere/);
    expect(odd.stderr).toMatch(/shapes is no run folder/);
    expect(key.stderr).toMatch(/Did you mean test/);
  });
});
