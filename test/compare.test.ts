// The verbs that put networks beside each other and draw them: compare, diff, draw.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { networks } from '../src/nets/index.ts';
import { laurel, temporaryFolder } from './cli.ts';

const folder = temporaryFolder();

async function json(...args: string[]) {
  const { code, stdout, stderr } = await laurel([...args, '--json'], { cwd: folder });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe('laurel compare', () => {
  it('has every network, counted to the unit', async () => {
    const result = await json('compare');
    expect(result.networks).toHaveLength(networks.length);
    const found = result.networks.find(({ net }: { net: string }) => net === 'resnet50');
    expect(found).toMatchObject({ params: 25_557_032, depth: 50, convolutions: 53, linears: 1, year: 2015 });
    expect(found.trainingBytes.bf16.total).toBeLessThan(found.trainingBytes.f32.total);
    expect(found.measured).toBeUndefined();
  });

  it('prints a table of 120 columns at most, with a table of errors for each protocol', async () => {
    const { stdout } = await laurel(['compare']);
    const lines = stdout.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(stdout).toMatch(
      /^alexnet +imagenet +2012 +3x224x224 +8 +5 +3 +61\.0M +724M .* winner of ILSVRC 2012$/m,
    );
    expect(stdout).toMatch(/^Published errors on ILSVRC 2012 validation: one model, 10 crops of 224$/m);
  });

  it('measures on request, and says how', async () => {
    const args = ['compare', 'lenet', '--measure', '--steps', '2', '--engine', 'reference'];
    const { networks: measured } = await json(...args);
    expect(measured).toMatchObject([
      { net: 'lenet', measured: { batch: 1, dtype: 'f32', engine: 'reference' } },
    ]);
    expect(measured[0].measured.imagesPerSecond).toBeGreaterThan(0);
  });

  it('writes CSV and a figure', async () => {
    const { files } = await json(
      'compare',
      'vgg11',
      'vgg16',
      '--csv',
      'deep/nets.csv',
      '--figure',
      'nets.svg',
    );
    expect(files).toEqual(['deep/nets.csv', 'nets.svg']);
    expect(readFileSync(join(folder, 'deep/nets.csv'), 'utf8')).toMatch(/\r\nvgg16,imagenet,2014,second in/);
    expect(readFileSync(join(folder, 'nets.svg'), 'utf8')).toMatch(/^<svg /);
  });
});

describe('laurel diff', () => {
  it('shows differences by signs, with their surroundings and the totals', async () => {
    const { stdout, code } = await laurel(['diff', 'resnet20', 'resnet32']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\+ +\| +layer1\.\d\.conv1 +conv 3x3, 16 +16x32x32$/m);
    expect(stdout).toMatch(/^ +\.\.\. \d+ equal layers$/m);
    expect(stdout).toMatch(/^parameters +269,722 +464,154 +\+194,432 +x 1\.721$/m);
  });

  it('compares two forms of one network', async () => {
    const { left, right, rows } = await json(
      'diff',
      'resnext50',
      'resnext50',
      '--form',
      'cifar',
      '--against',
      'article',
    );
    expect([left.params, right.params]).toEqual([23_177_124, 14_788_772]);
    expect(rows.filter(({ sign }: { sign: string }) => sign === '~').length).toBeGreaterThan(15);
  });
});

describe('laurel draw', () => {
  it.each(['svg', 'png', 'html'])('writes .%s', async (ending) => {
    const out = `lenet.${ending}`;
    expect(await json('draw', 'lenet', '--out', out)).toMatchObject({
      net: 'lenet',
      form: 'imagenet',
      out,
      boxes: 8,
    });
    const start = readFileSync(join(folder, out)).subarray(0, 15).toString('latin1');
    expect(start).toMatch({ svg: /^<svg/, png: /^\x89PNG/, html: /^<!doctype html>/ }[ending] as RegExp);
  });

  it('folds to a level', async () => {
    const { boxes } = await json('draw', 'resnet152', '--depth', '0', '--out', 'folded.svg');
    // Picture, conv1, maxpool, four stages, avgpool, fc.
    expect(boxes).toBe(9);
  });

  it.each<[string[], RegExp]>([
    [['lenet'], /required option '--out <path>' not specified/],
    [['lenet', '--out', 'x.gif'], /its name ends in "\.gif", expected \.svg, \.png, \.html/],
    [['lenet', '--out', 'x.svg', '--all', '--depth', '1'], /--all and --depth contradict each other/],
  ])('refuses %j', async (args, sentence) => {
    const { code, stderr } = await laurel(['draw', ...args], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toMatch(sentence);
    expect(existsSync(join(folder, 'x.svg'))).toBe(false);
  });
});
