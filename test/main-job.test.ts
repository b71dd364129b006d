// The command line from end to end on a small data set: train, interrupt, resume, test, classify.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bin, laurel, temporaryFolder } from './cli.ts';
import { writeBandPng, writeBands } from './pictures.ts';

const common = ['--engine', 'reference', '--seed', '3', '--json'];
let folder = '';
let data = '';
let run = '';
let trained: Record<string, unknown> = {};

beforeAll(async () => {
  folder = temporaryFolder();
  data = join(folder, 'bands');
  run = join(folder, 'run');
  writeBands(data);
  const args = [
    'train',
    'lenet',
    '--data',
    data,
    '--epochs',
    '3',
    '--batch',
    '16',
    '--no-flip',
    '--out',
    run,
  ];
  const { code, stdout, stderr } = await laurel([...args, ...common]);
  expect(code, stderr).toBe(0);
  trained = JSON.parse(stdout);
});

describe('laurel train', () => {
  it('prints one JSON object with the results', () => {
    expect(trained).toMatchObject({ status: 'finished', epochs: 3, out: run });
    for (const key of ['trainTop1Error', 'testTop1Error', 'testTop5Error', 'imagesPerSecond', 'seconds']) {
      expect(trained[key], key).toBeTypeOf('number');
    }
    expect(trained.testTop1Error).toBeLessThan(50);
  });

  it('leaves a run folder that says everything', () => {
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'epoch')).toHaveLength(3);
    expect(JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8'))).toEqual(trained);
    for (const file of [
      'config.json',
      'checkpoints/last.safetensors',
      'figures/loss.png',
      'figures/confusion.png',
    ]) {
      expect(existsSync(join(run, file)), file).toBe(true);
    }
  });

  it('saves and stops on Ctrl-C, and goes on with --resume', async () => {
    const out = join(temporaryFolder(), 'run');
    const plan = ['--epochs', '400', '--schedule', 'constant', '--batch', '16'];
    const args = ['train', 'lenet', '--data', data, '--out', out, ...plan, ...common];
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    await new Promise<void>((resolve) => {
      child.stderr.on('data', (text) => {
        stderr += text;
        if (stderr.includes('epoch   1/400')) resolve();
      });
    });
    child.kill('SIGINT');
    // A launcher hands the same Ctrl-C on; together they count once.
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(stderr).toMatch(/Stopping: saving a checkpoint\. Ctrl-C again stops at once\./);
    const stopped = JSON.parse(stdout);
    expect(stopped).toMatchObject({ status: 'interrupted', testTop1Error: null });
    expect(existsSync(join(out, 'checkpoints/last.json'))).toBe(true);

    const epochs = stopped.epochs + 1;
    const more = ['--resume', '--epochs', `${epochs}`, '--engine', 'reference', '--json'];
    const again = await laurel(['train', 'lenet', '--out', out, ...more]);
    expect(again.code, again.stderr).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ status: 'finished', epochs });
  });

  it.each([
    ['below a file', (home: string) => join(home, 'file', 'run')],
    ['in /proc', () => '/proc/laurel/run'],
  ])('refuses an --out that cannot be written: %s', async (_, outOf) => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'file'), '');
    const { code, stdout, stderr } = await laurel([
      'train',
      'lenet',
      '--data',
      data,
      '--out',
      outOf(home),
      ...common,
    ]);
    expect(stderr).toMatch(/^error: Cannot write to .*run: /);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  it('refuses a folder that holds a run, or another network to resume', async () => {
    const taken = await laurel(['train', 'lenet', '--data', data, '--out', run, ...common]);
    expect(taken.stderr).toMatch(/holds a run already\. Add --resume/);
    expect(taken.code).toBe(2);
    const other = await laurel(['train', 'resnet18', '--data', data, '--out', run, '--resume', ...common]);
    expect(other.stderr).toMatch(/^error: .*lenet.*resnet18|^error: .*resnet18.*lenet/);
    expect(other.code).toBeGreaterThan(0);
    expect(other.stdout).toBe('');
  });
});

describe('laurel eval', () => {
  it('gives what the training measured, with figures on request', async () => {
    const confusion = join(temporaryFolder(), 'confusion.png');
    const args = ['eval', 'lenet', '--weights', join(run, 'checkpoints/last.safetensors'), '--data', data];
    const { code, stdout } = await laurel([
      ...args,
      '--confusion',
      confusion,
      '--engine',
      'reference',
      '--json',
    ]);
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.n).toBe(60);
    expect(result.top1Error).toBe(trained.testTop1Error);
    expect(result.top5Error).toBe(trained.testTop5Error);
    expect(result.loss).toBeTypeOf('number');
    expect(readFileSync(confusion).subarray(1, 4).toString()).toBe('PNG');
  });

  it('prints a table by class', async () => {
    const args = ['eval', 'lenet', '--weights', run, '--data', data, '--per-class', '--engine', 'reference'];
    const { code, stdout } = await laurel(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Top-1 error +\d+\.\d\d %$/m);
    expect(stdout).toMatch(/^class +pictures +top-1 error +top-5 error$/m);
  });
});

describe('laurel classify', () => {
  it('names the five most probable classes of each picture', async () => {
    const pictures = [join(folder, 'two.png'), join(folder, 'eight.png')];
    await writeBandPng(pictures[0] as string, 2);
    await writeBandPng(pictures[1] as string, 8);
    const args = ['classify', 'lenet', '--weights', run, ...pictures, '--engine', 'reference', '--json'];
    const { code, stdout } = await laurel(args);
    expect(code).toBe(0);
    const { images } = JSON.parse(stdout);
    expect(images.map(({ file }: { file: string }) => file)).toEqual(pictures);
    for (const { top } of images) {
      expect(top).toHaveLength(5);
      const probabilities = top.map(({ probability }: { probability: number }) => probability);
      expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    }
    expect(images.map(({ top }: { top: { class: string }[] }) => top[0]?.class)).toEqual(['2', '8']);
  });

  it.each<[string, string | Buffer]>([
    ['text', 'not a picture'],
    ['nothing', ''],
    ['the beginning of a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
  ])('refuses a file of %s', async (_, content) => {
    const path = join(temporaryFolder(), 'picture.png');
    writeFileSync(path, content);
    const { code, stdout, stderr } = await laurel(['classify', 'lenet', '--weights', run, path, '--json']);
    expect(stderr).toMatch(/^error: .*picture\.png is not a picture that can be read/);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  it('refuses a picture and a folder that are not there', async () => {
    const missing = await laurel(['classify', 'lenet', '--weights', run, join(folder, 'no.png')]);
    expect(missing.stderr).toMatch(/^error: There is no file .*no\.png/);
    expect(missing.code).toBe(1);
    mkdirSync(join(folder, 'empty'), { recursive: true });
    const empty = await laurel([
      'classify',
      'lenet',
      '--weights',
      join(folder, 'empty'),
      join(folder, 'no.png'),
    ]);
    expect(empty.stderr).toMatch(/^error: .*empty is a folder without checkpoints/);
    expect(empty.code).toBe(2);
  });
});
